#include "object_store/s3/s3_store.h"

#include <fmt/format.h>

#include <utility>

#include "object_store/key.h"
#include "object_store/s3/credentials/sources.h"
#include "object_store/s3/loop.h"

namespace varve::object_store::s3 {
namespace {

class S3Store final : public Store {
 public:
  S3Store(const Settings& settings, std::shared_ptr<Loop> loop)
      : description_(fmt::format("s3://{}", settings.bucket)), loop_(std::move(loop)) {}
  ~S3Store() override { loop_->stop(); }

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    if (auto checked = check_key(key); !checked) return done(checked);
    loop_->submit(make_put(loop_->dialect(), std::move(key), std::move(body), true, std::move(done)));
  }
  void put(std::string key, Bytes body, Done<void> done) override {
    if (auto checked = check_key(key); !checked) return done(checked);
    loop_->submit(make_put(loop_->dialect(), std::move(key), std::move(body), false, std::move(done)));
  }
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    if (auto checked = check_key(key); !checked) return done(checked.error());
    loop_->submit(make_get(loop_->dialect(), std::move(key), range, std::move(done)));
  }
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    if (auto checked = check_limit(limit); !checked) return done(checked.error());
    loop_->submit(make_list(loop_->dialect(), std::move(prefix), std::move(after), limit, std::move(done)));
  }
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    if (auto checked = check_key_count(keys.size()); !checked) return done(checked.error());
    std::vector<RemoveFailure> failures;
    std::erase_if(keys, [&](const std::string& key) {
      auto checked = check_key(key);
      if (!checked) failures.push_back({.key = key, .error = checked.error()});
      return !checked;
    });
    if (keys.empty()) return done(std::move(failures));
    loop_->submit(make_remove(loop_->dialect(), std::move(keys), std::move(failures), std::move(done)));
  }
  std::string describe() const override { return description_; }
  bool requests_are_priced() const override { return true; }
  std::optional<std::chrono::seconds> clock_ahead() const override { return loop_->clock_ahead(); }
  std::optional<StoreMetrics> metrics() const override { return loop_->metrics(); }

 private:
  const std::string description_;
  const std::shared_ptr<Loop> loop_;
};

CredentialsKeeper::Source source_for(const Settings& settings) {
  if (settings.anonymous) return nullptr;
  return [profile = settings.profile, region = settings.region,
          ca_file = settings.ca_file](const std::atomic<bool>& stop) {
    return find_credentials({.environment = process_environment(),
                             .fetch = fetch_with_curl(stop, ca_file),
                             .profile = profile,
                             .region = region});
  };
}

}  // namespace

Result<std::shared_ptr<Store>> make_store(const Settings& settings, CredentialsKeeper::Source source) {
  auto loop = Loop::start(settings, std::move(source));
  if (!loop) return loop.error();
  return std::make_shared<S3Store>(settings, *std::move(loop));
}

Result<std::shared_ptr<Store>> open(const Uri& uri) {
  auto settings = settings_from(uri, process_environment());
  if (!settings) return settings.error();
  CredentialsKeeper::Source source = source_for(*settings);
  return make_store(*settings, std::move(source));
}

}  // namespace varve::object_store::s3
