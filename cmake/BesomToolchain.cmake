# Compiler settings that hold for every target.
find_program(BESOM_CCACHE ccache)
if(BESOM_CCACHE)
  # Paths relative to the checkout: another clone finds what this one built.
  set(_ccache ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=true ${BESOM_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_ccache})
  set(CMAKE_C_COMPILER_LAUNCHER ${_ccache})
endif()
find_program(BESOM_MOLD mold)
find_program(BESOM_LLD ld.lld)
# mold 1.x crashes on some sanitiser objects, so those take the default.
if(NOT BESOM_SANITIZE)
  if(BESOM_MOLD)
    add_link_options(-fuse-ld=mold)
  elseif(BESOM_LLD)
    add_link_options(-fuse-ld=lld)
  endif()
endif()

add_library(besom_warnings INTERFACE)
add_library(besom::warnings ALIAS besom_warnings)
target_compile_options(besom_warnings INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers)

# Contracted multiply-adds would make numbers depend on the compiler's choice.
add_compile_options(-ffp-contract=off)

if(BESOM_SANITIZE)
  add_compile_options(-fsanitize=${BESOM_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BESOM_SANITIZE})
  # gcc 12 takes instrumented moves inside std::function and std::optional for
  # uses of uninitialised memory; the release build keeps the warning.
  target_compile_options(besom_warnings INTERFACE -Wno-maybe-uninitialized)
endif()
