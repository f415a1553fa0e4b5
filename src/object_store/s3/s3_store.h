// AWS S3 and what speaks its language, as a Store.
#pragma once

#include <memory>

#include "object_store/s3/credentials/keeper.h"
#include "object_store/s3/settings.h"
#include "object_store/uri.h"
#include "varve/store.h"

namespace varve::object_store::s3 {

/// For the table of schemes: settings from the URI and the environment, credentials as AWS looks
/// for them. Sends nothing.
Result<std::shared_ptr<Store>> open(const Uri& uri);

/// `source`: where credentials come from; null for none.
Result<std::shared_ptr<Store>> make_store(const Settings& settings, CredentialsKeeper::Source source);

}  // namespace varve::object_store::s3
