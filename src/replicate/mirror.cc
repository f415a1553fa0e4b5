#include "varve/mirror.h"

#include "base/no_memory.h"
#include "log/front_door.h"
#include "replicate/replicator.h"

namespace varve {

using log::LogStore;

class Mirror::Impl {
 public:
  Impl(const LogStore& source, const LogStore& destination, const MirrorOptions& options,
       protocol::ResumePoint beginning)
      : replicator(source, destination, options, std::move(beginning)) {}

  replicate::Replicator replicator;
};

namespace {

std::optional<Error> refusal(const LogAddress& source, const LogAddress& destination,
                             const MirrorOptions& options) {
  const auto name = [](const LogAddress& log) { return log.store->describe() + "/" + log.path; };
  if (name(source) == name(destination)) {
    return Error(Code::invalid_argument, name(source) + " cannot be a mirror of itself");
  }
  if (options.fetch_objects < 1 || options.fetch_objects > 256) {
    return Error(Code::invalid_argument, "fetch_objects must be 1 to 256");
  }
  if (options.bytes_max < std::size_t{1} << 20)
    return Error(Code::invalid_argument, "bytes_max must be 1 MiB or more");
  if (options.poll_ms < 1 || options.poll_ms > 60'000 || options.poll_max_ms < 1 ||
      options.poll_max_ms > 60'000) {
    return Error(Code::invalid_argument, "poll_ms and poll_max_ms must be 1 to 60,000");
  }
  if (options.checkpoint_every_objects < 1) {
    return Error(Code::invalid_argument, "checkpoint_every_objects must be 1 or more");
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Mirror>> Mirror::open(LogAddress source, LogAddress destination,
                                             const MirrorOptions& options) {
  return log::with_store(source, [&]() -> Result<std::unique_ptr<Mirror>> {
    if (const auto there = log::check_store(destination); !there) return there.error();
    if (auto refused = refusal(source, destination, options)) return *refused;
    const LogStore from(std::move(source));
    const LogStore to(std::move(destination));
    const read::WaitLimit patience{
        .deadline = options.give_up_ms == 0 ? LogStore::never : LogStore::after(options.give_up_ms),
        .stop = {}};
    auto beginning = replicate::begin(from, to, options, patience);
    if (!beginning) {
      const Error& error = beginning.error();
      return error.code() == Code::timed_out ? Error(Code::unavailable, error.message()) : error;
    }
    return std::unique_ptr<Mirror>(
        new Mirror(std::make_unique<Impl>(from, to, options, *std::move(beginning))));
  });
}

Mirror::Mirror(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mirror::~Mirror() = default;

Result<void> Mirror::catch_up() {
  return with_memory([&] { return impl_->replicator.run(replicate::Replicator::Until::source_end); });
}
Result<void> Mirror::follow() {
  return with_memory([&] { return impl_->replicator.run(replicate::Replicator::Until::stopped); });
}
void Mirror::stop() noexcept { impl_->replicator.stop(); }
MirrorStatus Mirror::status() const { return impl_->replicator.status(); }

}  // namespace varve
