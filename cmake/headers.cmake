# varve_check_headers: compiles every header alone. The public ones, as a user would, without src/ on the path;
# ours with it. Built by `make check-headers` only.
file(GLOB_RECURSE inner_headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/src/*.h)
foreach(header IN LISTS inner_headers)
  set(source ${PROJECT_BINARY_DIR}/inner_headers/${header}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n")
  list(APPEND inner_header_sources ${source})
endforeach()

add_library(varve_inner_headers OBJECT EXCLUDE_FROM_ALL ${inner_header_sources})
target_include_directories(varve_inner_headers PRIVATE ${PROJECT_SOURCE_DIR}/src)
# Some are for the tests, and what the library links privately they may include.
target_link_libraries(varve_inner_headers PRIVATE
  varve varve_warnings $<TARGET_PROPERTY:varve,LINK_LIBRARIES> GTest::gmock rapidcheck)

add_custom_target(varve_check_headers)
add_dependencies(varve_check_headers varve_inner_headers varve_verify_interface_header_sets)
