// Its only purpose is to own the precompiled headers of LibTorch.
