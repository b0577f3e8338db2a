# besom_add_library(NAME LAYER n [ENGINE] SOURCES ... HEADERS ... DEPS ...
#                   [PRIVATE_DEPS ...])
# A static library besom::NAME. LAYER is its floor: it links to lower floors
# only (a target without a floor is a package from outside). ENGINE libraries
# link LibTorch or MPI and exist only with BESOM_ENGINES.
function(besom_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ENGINE" "LAYER"
                        "SOURCES;HEADERS;DEPS;PRIVATE_DEPS")
  if(arg_ENGINE AND NOT BESOM_ENGINES)
    return()
  endif()
  add_library(besom_${name} STATIC ${arg_SOURCES})
  add_library(besom::${name} ALIAS besom_${name})
  target_sources(besom_${name} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${arg_HEADERS})
  target_link_libraries(besom_${name} PUBLIC ${arg_DEPS}
                        PRIVATE ${arg_PRIVATE_DEPS} besom::warnings)
  set_target_properties(besom_${name} PROPERTIES BESOM_LAYER ${arg_LAYER})
  foreach(dep IN LISTS arg_DEPS arg_PRIVATE_DEPS)
    get_target_property(floor ${dep} BESOM_LAYER)
    if(floor AND floor GREATER_EQUAL arg_LAYER)
      message(FATAL_ERROR
        "${name} (floor ${arg_LAYER}) may not use ${dep} (floor ${floor})")
    endif()
  endforeach()
endfunction()

# Programs of the tests that builds with sanitizers run: those by
# besom_add_test, and what adds itself.
add_custom_target(instrumented_tests)

# besom_add_test(NAME [ENGINE] SOURCES ... DEPS ... [LABELS ...] [TIMEOUT s])
# One GoogleTest program NAME and its ctest entry.
function(besom_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ENGINE" "TIMEOUT"
                        "SOURCES;DEPS;LABELS")
  if(arg_ENGINE AND NOT BESOM_ENGINES)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock
                        GTest::gtest_main besom::warnings)
  add_dependencies(instrumented_tests ${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  if(arg_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}")
  endif()
endfunction()
