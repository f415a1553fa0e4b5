include(GoogleTest)

# varve_test(NAME SOURCE...): one test program beside the code it tests; it may see the library's inside.
# Its cases are listed when ctest runs, not when it is built: see tools/without-aslr.
function(varve_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE varve varve_warnings GTest::gtest_main GTest::gmock rapidcheck fmt::fmt)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300 DISCOVERY_TIMEOUT 60)
endfunction()
