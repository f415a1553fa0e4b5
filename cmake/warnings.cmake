# One set of warnings for everything of ours.
add_library(varve_warnings INTERFACE)
target_compile_options(varve_warnings INTERFACE -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
