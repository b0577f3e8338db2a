// A library that is not one of engines.
extern "C" int BesomOtherEntry() { return 0; }
