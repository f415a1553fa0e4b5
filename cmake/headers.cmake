# varve_check_headers: compiles every header alone. The public ones, as a user would, without src/ on the path; ours
# with what their target sees. Built by `make check-headers` only. A header whose source is the library's is left out
# where the library's sources are compiled one by one: the source includes it first (`make check-style`).
add_custom_target(varve_check_headers)
add_dependencies(varve_check_headers varve_verify_interface_header_sets)

# varve.h as C.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/c_header/varve.c CONTENT "#include \"varve/varve.h\"\n")
add_library(varve_c_header OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/c_header/varve.c)
set_target_properties(varve_c_header PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
target_compile_options(varve_c_header PRIVATE -Wall -Wextra -Werror -pedantic)
target_include_directories(varve_c_header PRIVATE ${PROJECT_SOURCE_DIR}/include)
add_dependencies(varve_check_headers varve_c_header)

# Every header below `folder` of `target`, included by its path from `include_root`.
function(varve_check_inner_headers target folder include_root)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${include_root} ${folder}/*.h)
  get_target_property(joined varve UNITY_BUILD)
  get_target_property(compiled varve SOURCES)
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "h$" "cc" source ${include_root}/${header})
    if(NOT joined AND source IN_LIST compiled)
      continue()
    endif()
    set(source ${PROJECT_BINARY_DIR}/inner_headers/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n")
    list(APPEND sources ${source})
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(${target}_inner_headers OBJECT EXCLUDE_FROM_ALL ${sources})
  target_include_directories(${target}_inner_headers PRIVATE ${include_root})
  # Some headers are for the tests.
  target_link_libraries(${target}_inner_headers PRIVATE
    varve $<TARGET_PROPERTY:${target},LINK_LIBRARIES> GTest::gmock rapidcheck)
  add_dependencies(varve_check_headers ${target}_inner_headers)
endfunction()

varve_check_inner_headers(varve ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/src)
if(TARGET varve_cli)
  varve_check_inner_headers(varve_cli ${PROJECT_SOURCE_DIR}/cli ${PROJECT_SOURCE_DIR})
endif()
