include(GoogleTest)

# The presets of `make test` say -O0 here: the tests' own code, full of templates, compiles up to twice as fast
# without the optimiser. What they test, the library, keeps its own level.
set(VARVE_TEST_COMPILE_OPTIONS "" CACHE STRING "Compiler options for the tests alone")
mark_as_advanced(VARVE_TEST_COMPILE_OPTIONS)

# What nearly every test includes, read once; a test still names what it includes. Only where the presets ask for it:
# clang-tidy cannot read what GCC precompiles.
option(VARVE_PRECOMPILE "Precompile the headers of other libraries for the tests" OFF)
mark_as_advanced(VARVE_PRECOMPILE)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/test_headers.cc CONTENT "// Carries the tests' precompiled headers.\n")
add_library(varve_test_headers OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/test_headers.cc)
target_link_libraries(varve_test_headers PRIVATE varve varve_warnings GTest::gtest GTest::gmock rapidcheck fmt::fmt)
target_compile_options(varve_test_headers PRIVATE ${VARVE_TEST_COMPILE_OPTIONS})
if(VARVE_PRECOMPILE)
  target_precompile_headers(varve_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h> <rapidcheck/gtest.h> <fmt/format.h>
    <filesystem> <fstream> <functional> <future> <map> <random> <thread>)
endif()

# varve_test(NAME SOURCE...): one test program beside the code it tests; it may see the library's inside.
# Its cases are listed when ctest runs, not when it is built: see tools/without-aslr.
function(varve_test name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE varve_testing varve varve_warnings GTest::gtest_main GTest::gmock rapidcheck fmt::fmt)
  target_compile_options(${name} PRIVATE ${VARVE_TEST_COMPILE_OPTIONS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
  if(VARVE_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM varve_test_headers)
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300 DISCOVERY_TIMEOUT 60)
endfunction()
