# Test programs with planted bugs in them (src/base/mutant.h), for tools/check-mutants. Only those sources of the
# library that have such bugs, or places to be interrupted at (src/append/batching/preemption.h), are compiled once
# more; everything else is as it was built. A program is then linked again with these objects, before the library is
# searched for the rest.
if(BUILD_SHARED_LIBS)
  return()
endif()

get_target_property(sources varve SOURCES)
set(mutated_sources)
foreach(source IN LISTS sources)
  file(STRINGS ${source} mutants REGEX "mutated\\(|preemption_point\\(" LIMIT_COUNT 1)
  if(mutants)
    list(APPEND mutated_sources ${source})
    # A source that gets its first mutant touches this header, too: look again then.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/base/mutant.h)
  endif()
endforeach()

add_library(varve_mutated OBJECT EXCLUDE_FROM_ALL ${mutated_sources})
# As under the sanitizers: sources that are joined compile several times as fast.
set_target_properties(varve_mutated PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
target_compile_definitions(varve_mutated PRIVATE VARVE_MUTANTS VARVE_PREEMPTION)
target_include_directories(varve_mutated PRIVATE $<TARGET_PROPERTY:varve,INCLUDE_DIRECTORIES>)
target_link_libraries(varve_mutated PRIVATE $<TARGET_PROPERTY:varve,LINK_LIBRARIES>)

# The programs that the table of mutants names, and the tools that can be asked as well.
set(table ${PROJECT_SOURCE_DIR}/docs/mutants.md)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
file(STRINGS ${table} rows REGEX "^\\| `[a-z0-9_]+` \\| `")
set(programs varve_sim varve_model_check)
foreach(row IN LISTS rows)
  string(REGEX REPLACE "^\\| `[a-z0-9_]+` \\| `([a-z0-9_]+)`.*" "\\1" program "${row}")
  list(APPEND programs ${program})
endforeach()
list(REMOVE_DUPLICATES programs)

add_custom_target(varve_mutants)
foreach(program IN LISTS programs)
  if(NOT TARGET ${program})
    continue()
  endif()
  add_executable(${program}_mutated EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${program}> $<TARGET_OBJECTS:varve_mutated>)
  target_link_libraries(${program}_mutated PRIVATE $<TARGET_PROPERTY:${program},LINK_LIBRARIES>)
  add_dependencies(varve_mutants ${program}_mutated)
endforeach()
