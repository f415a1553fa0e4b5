#include "bench/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace varve::bench {

namespace {

namespace fs = std::filesystem;

struct Source {
  std::string_view name;
  std::vector<std::string> folders;
  std::vector<std::string> endings;  // none: any
  bool is_text;
};

const std::vector<Source>& sources() {
  static const std::vector<Source> all{
      {"logs", {"/var/log", "/var/lib/dpkg/info"}, {".log", ".list", ".md5sums"}, true},
      {"json",
       {"/usr/share/iso-codes/json", "/usr/share/nodejs", "/usr/lib/node_modules", "/usr/share"},
       {".json"},
       true},
      {"source", {"/usr/include", "/usr/lib/python3", "/usr/lib/python3.11"}, {".h", ".hpp", ".py"}, true},
      {"compressed",
       {"/usr/share/doc", "/usr/share/man", "/usr/share/info"},
       {".gz", ".png", ".xz", ".jpg"},
       false},
      {"random", {}, {}, false}};
  return all;
}

constexpr std::array<std::string_view, 5> named_corpora{"logs", "json", "source", "compressed", "random"};

// Less of it says nothing: it would be the same bytes again and again in one batch.
constexpr std::size_t bytes_min = std::size_t{512} << 10;
constexpr std::size_t piece_bytes = 4096;
constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t files_max = 200'000;

bool ends_as(const fs::path& path, const std::vector<std::string>& endings) {
  return std::ranges::find(endings, path.extension().string()) != endings.end();
}

std::vector<fs::path> files_of(const std::string& folder, const std::vector<std::string>& endings) {
  std::vector<fs::path> files;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator() && files.size() < files_max;
       at.increment(error)) {
    std::error_code of_file;
    if (ends_as(at->path(), endings) && fs::is_regular_file(at->symlink_status(of_file)))
      files.push_back(at->path());
  }
  std::ranges::sort(files);
  return files;
}

void add_file(const fs::path& path, std::size_t bytes_max, std::vector<std::byte>& bytes) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 65536> part;
  while (bytes.size() < bytes_max && file.read(part.data(), part.size()).gcount() > 0) {
    const auto read = std::as_bytes(std::span(part)).first(static_cast<std::size_t>(file.gcount()));
    bytes.insert(bytes.end(), read.begin(), read.end());
  }
}

void fill_randomly(std::vector<std::byte>& bytes, std::size_t count) {
  std::mt19937_64 random(1);
  bytes.resize(count / 8 * 8);
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = random();
    std::memcpy(&bytes[at], &word, sizeof word);
  }
}

void cut(Corpus& corpus, bool is_text) {
  std::span<const std::byte> rest(corpus.bytes);
  while (!rest.empty()) {
    std::size_t bytes = std::min(rest.size(), is_text ? line_bytes_max : piece_bytes);
    if (is_text) {
      const auto newline = std::ranges::find(rest.first(bytes), std::byte{'\n'});
      bytes = std::min(bytes, static_cast<std::size_t>(newline - rest.begin()) + 1);
    }
    corpus.records.push_back(rest.first(bytes));
    rest = rest.subspan(bytes);
  }
}

}  // namespace

std::span<const std::string_view> corpus_names() { return named_corpora; }

Result<Corpus> load_corpus(std::string_view name, std::size_t bytes_max) {
  const auto source = std::ranges::find(sources(), name, &Source::name);
  if (source == sources().end())
    return Error(Code::invalid_argument, fmt::format("there is no corpus '{}'", name));
  Corpus corpus{.name = std::string(name), .bytes = {}, .records = {}};
  if (source->folders.empty()) {
    fill_randomly(corpus.bytes, bytes_max);
  } else {
    for (const std::string& folder : source->folders) {
      if (corpus.bytes.size() >= bytes_max) break;
      for (const fs::path& file : files_of(folder, source->endings)) {
        if (corpus.bytes.size() >= bytes_max) break;
        add_file(file, bytes_max, corpus.bytes);
      }
    }
  }
  if (corpus.bytes.size() < bytes_min) {
    return Error(Code::not_found,
                 fmt::format("the corpus '{}' has {} bytes here, too few to measure with: install packages "
                             "that have such files under {}",
                             name, corpus.bytes.size(), fmt::join(source->folders, ", ")));
  }
  cut(corpus, source->is_text);
  return corpus;
}

}  // namespace varve::bench
