/* varve/varve.h - Varve from C, and from whatever binds to C. C99; no C++ type crosses it.
 *
 * Names. Everything begins with `varve_` or `VARVE_`. What the calls mean is what the C++ headers of the
 * same names say (writer.h, reader.h, cursor.h); this page says what is particular to C.
 *
 * Ownership. What a function hands out through `varve_x **` is the caller's, who gives it to `varve_x_free`
 * once. `free` of NULL does nothing. Text and structs passed in are copied during the call; nothing of
 * the caller's is kept but the `context` of a callback.
 *
 * Lifetime. Handles do not depend on each other: a `varve_log` may be freed while writers and readers that
 * were opened with it go on. No call on a handle may run when it is freed, or begin afterwards.
 *
 * Threads. Any thread may use any handle, and several may use a `varve_log`, `varve_writer` or
 * `varve_cursors` at once. A `varve_reader` is for one thread at a time, but `varve_reader_stop` and
 * `varve_reader_wake`, which any thread may call. There is no global and no per-thread state, so a failure
 * cannot be overwritten by another's.
 *
 * Failure. What can fail returns a `varve_code` and has a last argument `error`, which may be NULL. On
 * failure `*error` is the caller's to free and results are left alone; on success it is set to NULL. No
 * exception leaves a function. A NULL where a handle or a result belongs is `VARVE_INVALID_ARGUMENT`.
 *
 * Versions. Codes and other numbers keep their values. Structs with `struct_bytes` grow at their end only:
 * a program compiled with an older header works with a newer library.
 *
 * Linking. The library is C++: link with the C++ compiler, or add its runtime (-lstdc++).
 */
#pragma once

/* NOLINTBEGIN(readability-identifier-naming): C has no namespaces */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The interface this header describes. Grows with each addition. */
#define VARVE_INTERFACE_VERSION 1

/* The interface the library has. One that is below the header's, which a program was compiled with, lacks
 * something of it. */
uint32_t varve_interface_version(void);

/* For a `timeout_ms`: no end of patience. */
#define VARVE_FOREVER UINT64_MAX

/* What can go wrong. */

/* What went wrong, for programs: see varve/result.h. */
typedef enum varve_code {
  VARVE_OK = 0,
  VARVE_INVALID_ARGUMENT = 1, /* the call can never succeed as made */
  VARVE_OUT_OF_RANGE = 2,     /* an offset outside the log: varve_error_valid_range */
  VARVE_NOT_FOUND = 3,        /* no such log, object or cursor */
  VARVE_ALREADY_EXISTS = 4,
  VARVE_OVER_CAPACITY = 5, /* the writer holds as much as it may: wait or shed load */
  VARVE_FENCED = 6,        /* another writer owns the log now */
  VARVE_CORRUPTION = 7,    /* stored data is damaged, or acknowledged data is missing */
  VARVE_FOREIGN = 8,       /* an object that Varve did not write, or another log's */
  VARVE_UNSUPPORTED = 9,   /* a newer format, or a feature the store lacks */
  VARVE_DENIED = 10,       /* the store refused */
  VARVE_NO_SPACE = 11,
  VARVE_UNAVAILABLE = 12, /* the store cannot be reached or does not answer properly */
  VARVE_TIMED_OUT = 13,
  VARVE_CLOSED = 14,
  VARVE_INTERNAL = 15,     /* a defect in Varve; please report it */
  VARVE_OUT_OF_MEMORY = 16 /* the system has none left for this call, or no thread */
} varve_code;

/* "over_capacity"; "ok"; "unknown" for a number that is no code. Never freed. */
const char* varve_code_name(int code);

/* What a failed append means for the data. */
typedef enum varve_outcome {
  VARVE_NOT_WRITTEN = 0,     /* certainly not in the log, and never will be: safe to append again */
  VARVE_OUTCOME_UNKNOWN = 1, /* may or may not be in the log: read after the next open */
  VARVE_OUTCOME_FENCED = 2   /* another writer owns the log; this record is not in it */
} varve_outcome;

/* One failure. Immutable: any number of threads may read it. */
typedef struct varve_error varve_error;

varve_code varve_error_code(const varve_error* error);
/* What happened, where, and what to do next; UTF-8. Lives as long as `error`. */
const char* varve_error_message(const varve_error* error);
varve_outcome varve_error_outcome(const varve_error* error);
/* The offsets [*begin, *end) that the log has. False, and nothing stored, unless the code is
 * VARVE_OUT_OF_RANGE and the range is known. */
bool varve_error_valid_range(const varve_error* error, uint64_t* begin, uint64_t* end);
/* One of the caller's own, for an error that is lent (to a callback). Never NULL. */
varve_error* varve_error_copy(const varve_error* error);
void varve_error_free(varve_error* error);

/* A log's place. */

typedef struct varve_log varve_log;

/* "file:///var/log/mine", "s3://bucket/mine?...", "mem://name/mine". Opens the store; reads and creates
 * nothing in it. Writers and readers of one process share its connections. */
varve_code varve_log_open(const char* uri, varve_log** log, varve_error** error);
void varve_log_free(varve_log* log);

/* Appending. */

typedef struct varve_writer varve_writer;

/* One field under its name and the name that it had before. The old one goes with the next version. C99 has
 * no anonymous unions; compilers know them as an extension. */
#if defined(__GNUC__)
#define VARVE_TWO_NAMES(now, before) \
  __extension__ union {              \
    now;                             \
    before;                          \
  }
#else
#define VARVE_TWO_NAMES(now, before) \
  union {                            \
    now;                             \
    before;                          \
  }
#endif

/* How batches are compressed; what each means: varve/writer.h. */
typedef enum varve_compression {
  VARVE_UNCOMPRESSED = 0,
  VARVE_LZ4 = 1,
  VARVE_ZSTD = 2,
  VARVE_ADAPTIVE = 3
} varve_compression;

typedef struct varve_writer_options {
  size_t struct_bytes; /* set by varve_writer_options_init */
  size_t batch_bytes;
  uint32_t linger_ms;
  double puts_per_second; /* 0: no bound. Negative: as suits the store */
  double put_burst;
  uint32_t window; /* fixed for ever when the log is created */
  size_t buffered_bytes_max;
  uint32_t give_up_ms;
  uint32_t open_timeout_ms;
  uint32_t checkpoint_every_objects;
  bool must_exist;
  varve_compression compression;
  int32_t compression_level; /* with VARVE_ZSTD: -7 to 19; 0: its usual */
  /* A standby for the log: a record is acknowledged when both have it (WriterOptions::standby). NULL:
   * none. Only varve_writer_open uses it; it may be freed after that. */
  VARVE_TWO_NAMES(const varve_log* standby, const varve_log* second); /* old spelling: second */
  /* While the standby does not work: acknowledge what the first store has. False: wait. */
  VARVE_TWO_NAMES(bool degrades_on_standby_loss,
                  bool goes_on_without_second); /* old spelling: goes_on_without_second */
  /* How long to wait for a standby that makes no progress, before that. */
  VARVE_TWO_NAMES(uint32_t standby_patience_ms,
                  uint32_t second_patience_ms); /* old spelling: second_patience_ms */
} varve_writer_options;

/* Sets all to the defaults (varve/writer.h). `struct_bytes` is `sizeof *options`. */
void varve_writer_options_init(varve_writer_options* options, size_t struct_bytes);

/* Recovers the log and takes it over; creates it if there is none. Blocks. `options` NULL: the defaults. */
varve_code varve_writer_open(const varve_log* log, const varve_writer_options* options, varve_writer** writer,
                             varve_error** error);

/* Called exactly once for each append that returned VARVE_OK, in offset order, on a thread of the library.
 * `error` NULL: durable; else why not, lent for the time of the call. It should be short, for callbacks of
 * other writers may wait for it, and may append.
 * What would have to wait (append_wait and its like, flush, wait_durable, trim, close) is refused at once. It
 * may free the writer: see there. */
typedef void (*varve_append_done)(void* context, uint64_t first_offset, const varve_error* error);

/* Copies the record, stores its offset at `offset` and returns. Never blocks on the store. `done` and
 * `offset` may be NULL. After a failure `done` is not called. `data` may be NULL where `bytes` is 0. */
varve_code varve_writer_append(varve_writer* writer, const void* data, size_t bytes, varve_append_done done,
                               void* context, uint64_t* offset, varve_error** error);

/* The same, but waits while the writer is over capacity: VARVE_TIMED_OUT. */
varve_code varve_writer_append_wait(varve_writer* writer, const void* data, size_t bytes, uint64_t timeout_ms,
                                    varve_append_done done, void* context, uint64_t* offset,
                                    varve_error** error);

typedef struct varve_bytes {
  const void* data;
  size_t bytes;
} varve_bytes;

/* `count` records at consecutive offsets in one object, with one call of `done`. */
varve_code varve_writer_append_batch(varve_writer* writer, const varve_bytes* records, size_t count,
                                     varve_append_done done, void* context, uint64_t* first_offset,
                                     varve_error** error);

/* The same, but waits while the writer is over capacity: VARVE_TIMED_OUT. */
varve_code varve_writer_append_batch_wait(varve_writer* writer, const varve_bytes* records, size_t count,
                                          uint64_t timeout_ms, varve_append_done done, void* context,
                                          uint64_t* first_offset, varve_error** error);

/* Uploads what is collected, and waits until everything appended before the call is durable. */
varve_code varve_writer_flush(varve_writer* writer, uint64_t timeout_ms, varve_error** error);

/* Waits until every record below `offset` is durable; hurries nobody. */
varve_code varve_writer_wait_durable(varve_writer* writer, uint64_t offset, uint64_t timeout_ms,
                                     varve_error** error);

/* Makes `before` the log's start, durably; then deletes what lies wholly below. `objects_left`, which may be
 * NULL: how many could not be deleted now; the next trim tries again. */
varve_code varve_writer_trim(varve_writer* writer, uint64_t before, uint64_t timeout_ms,
                             uint64_t* objects_left, varve_error** error);

typedef struct varve_offsets {
  uint64_t start;   /* the log's first record */
  uint64_t durable; /* every record below is acknowledged */
  uint64_t end;     /* the next record's */
} varve_offsets;

/* As they are now. VARVE_OK even after the writer's end. */
varve_code varve_writer_offsets(varve_writer* writer, varve_offsets* offsets, varve_error** error);

/* VARVE_OK while the writer works; else why it ended (fenced, gave up, closed). */
varve_code varve_writer_failure(varve_writer* writer, varve_error** error);

/* Waits for what was appended, and marks the epoch's end in the log. Idempotent. The handle stays, to be
 * freed. */
varve_code varve_writer_close(varve_writer* writer, uint64_t timeout_ms, varve_error** error);

/* Closes if it is open, and waits up to one second for that. All callbacks have run when it returns; but in a
 * callback of this writer it does not wait, and those that are due come later. */
void varve_writer_free(varve_writer* writer);

/* Reading. */

typedef struct varve_reader varve_reader;

typedef enum varve_begin {
  VARVE_BEGIN_AT_START = 0,
  VARVE_BEGIN_AT_OFFSET = 1, /* `from` */
  VARVE_BEGIN_AT_TIME = 2,   /* `since_unix_ms` */
  VARVE_BEGIN_BEFORE_END = 3 /* so many records: `last` */
} varve_begin;

typedef struct varve_reader_options {
  size_t struct_bytes; /* set by varve_reader_options_init */
  int begin;           /* a varve_begin */
  uint64_t from;
  int64_t since_unix_ms;
  uint64_t last;
  bool follow; /* wait at the end for more */
  size_t read_ahead_bytes;
  uint32_t read_ahead_objects;
  uint32_t poll_ms;
  uint32_t poll_max_ms;
  uint32_t give_up_ms;
} varve_reader_options;

/* Sets all to the defaults (varve/reader.h). `struct_bytes` is `sizeof *options`. */
void varve_reader_options_init(varve_reader_options* options, size_t struct_bytes);

varve_code varve_reader_open(const varve_log* log, const varve_reader_options* options, varve_reader** reader,
                             varve_error** error);

typedef struct varve_record {
  uint64_t offset;
  const void* data; /* lent until the next call of varve_reader_next, or varve_reader_free */
  size_t bytes;
  int64_t time_unix_ms;
} varve_record;

/* The next record: `*found`. None (VARVE_OK, `*found` false) at the end of the log, or after
 * varve_reader_stop; with `follow` only after that, or when the time is over. Errors leave the reader where
 * it is. VARVE_OUT_OF_RANGE: the log was trimmed past it; its valid range begins where to go on. */
varve_code varve_reader_next(varve_reader* reader, uint64_t timeout_ms, varve_record* record, bool* found,
                             varve_error** error);

/* The offset that varve_reader_next will return; 0 for NULL. */
uint64_t varve_reader_position(const varve_reader* reader);
/* Ends a waiting varve_reader_next, now or at its next call. */
void varve_reader_stop(varve_reader* reader);
/* Says that the log has grown: a pause between polls ends. */
void varve_reader_wake(varve_reader* reader);
void varve_reader_free(varve_reader* reader);

/* Cursors: where named readers have come to. */

typedef struct varve_cursors varve_cursors;

varve_code varve_cursors_open(const varve_log* log, varve_cursors** cursors, varve_error** error);
/* VARVE_NOT_FOUND if there is none of that name. */
varve_code varve_cursors_get(const varve_cursors* cursors, const char* name, uint64_t* offset,
                             varve_error** error);
/* Creates it or moves it forward: VARVE_OUT_OF_RANGE if it is further. */
varve_code varve_cursors_set(const varve_cursors* cursors, const char* name, uint64_t offset,
                             varve_error** error);
varve_code varve_cursors_remove(const varve_cursors* cursors, const char* name, varve_error** error);
void varve_cursors_free(varve_cursors* cursors);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */
