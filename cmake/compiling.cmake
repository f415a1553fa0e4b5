# How everything of ours is compiled: one set of warnings. The presets make them errors; who embeds Varve decides anew.
# (The tsan preset leaves -Wmaybe-uninitialized out: GCC's manual warns of its false positives there.)
add_library(varve_warnings INTERFACE)
target_compile_options(varve_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)

# A second build costs seconds where ccache is installed; nothing needs it.
find_program(CCACHE ccache)
mark_as_advanced(CCACHE)
if(CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers are compared by content.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
