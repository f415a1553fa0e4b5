include(GoogleTest)

# The asan preset says -O0 here: the tests' and the command's own code, full of templates, compiles more than twice as
# fast under UBSan without the optimiser. The library keeps its own level.
set(VARVE_TEST_COMPILE_OPTIONS "" CACHE STRING "Compiler options for the tests and the command alone")
mark_as_advanced(VARVE_TEST_COMPILE_OPTIONS)

# varve_test(NAME SOURCE...): one test program beside the code it tests; it may see the library's inside.
# Its cases are listed when ctest runs, not when it is built: see tools/without-aslr.
function(varve_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE varve varve_warnings GTest::gtest_main GTest::gmock rapidcheck fmt::fmt)
  target_compile_options(${name} PRIVATE ${VARVE_TEST_COMPILE_OPTIONS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300 DISCOVERY_TIMEOUT 60)
endfunction()
