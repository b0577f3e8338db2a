#include "db/schema.h"

namespace besom::db {
namespace {

// Every column is explained in db/SCHEMA.md. Plain SQL of SQLite 3.25, so that
// the file opens in older tools, too.
constexpr char kVersion1[] = R"sql(
CREATE TABLE sweep(
  sweep_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  spec_yaml TEXT NOT NULL,
  spec_json TEXT NOT NULL,
  seed INTEGER NOT NULL,
  numerics TEXT NOT NULL,
  allow_test INTEGER NOT NULL,
  version TEXT NOT NULL,
  created REAL NOT NULL,
  updated REAL NOT NULL);

CREATE TABLE criterion(
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  position INTEGER NOT NULL,
  label TEXT NOT NULL,
  name TEXT NOT NULL,
  class TEXT NOT NULL,
  split TEXT NOT NULL,
  maximize INTEGER NOT NULL,
  PRIMARY KEY(sweep_id, position)) WITHOUT ROWID;

CREATE TABLE trial(
  trial_id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  trial TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  parameters TEXT NOT NULL,
  config TEXT NOT NULL,
  backbone TEXT NOT NULL,
  head TEXT NOT NULL,
  dropout REAL,
  fits INTEGER NOT NULL,
  planned INTEGER NOT NULL,
  state TEXT NOT NULL,
  error TEXT,
  UNIQUE(sweep_id, trial));
CREATE INDEX trial_by_name ON trial(trial);

CREATE TABLE fit(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  classes TEXT NOT NULL,
  chosen_epoch INTEGER NOT NULL,
  seconds REAL NOT NULL,
  head_digest TEXT NOT NULL,
  head_size INTEGER NOT NULL,
  PRIMARY KEY(trial_id, repeat, fold)) WITHOUT ROWID;

CREATE TABLE metric(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  class TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  low REAL,
  high REAL,
  method TEXT,
  n_groups INTEGER,
  PRIMARY KEY(trial_id, repeat, fold, split, class, name)) WITHOUT ROWID;

CREATE TABLE epoch_metric(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  class TEXT NOT NULL,
  name TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  value REAL,
  PRIMARY KEY(trial_id, repeat, fold, split, class, name, epoch)
  ) WITHOUT ROWID;

CREATE TABLE confusion(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  actual TEXT NOT NULL,
  predicted TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY(trial_id, repeat, fold, split, actual, predicted)) WITHOUT ROWID;

CREATE TABLE image(
  image_id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  source TEXT NOT NULL,
  path TEXT NOT NULL,
  listed INTEGER NOT NULL,
  label TEXT,
  patients TEXT,
  group_name TEXT,
  left_out TEXT,
  width INTEGER,
  height INTEGER,
  mode TEXT,
  content TEXT,
  UNIQUE(sweep_id, source, path));

CREATE TABLE image_split(
  image_id INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  PRIMARY KEY(image_id, repeat, fold)) WITHOUT ROWID;

CREATE TABLE prediction(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  image_id INTEGER NOT NULL,
  actual TEXT NOT NULL,
  predicted TEXT NOT NULL,
  probabilities TEXT NOT NULL,
  PRIMARY KEY(trial_id, repeat, fold, split, image_id)) WITHOUT ROWID;

CREATE TABLE curve(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  class TEXT NOT NULL,
  kind TEXT NOT NULL,
  point INTEGER NOT NULL,
  x REAL,
  y REAL,
  threshold REAL,
  PRIMARY KEY(trial_id, repeat, fold, split, class, kind, point)
  ) WITHOUT ROWID;

CREATE TABLE comparison(
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  metric TEXT NOT NULL,
  split TEXT NOT NULL,
  method TEXT NOT NULL,
  a TEXT NOT NULL,
  b TEXT NOT NULL,
  difference REAL,
  low REAL,
  high REAL,
  p REAL,
  p_adjusted REAL,
  PRIMARY KEY(sweep_id, metric, split, method, a, b)) WITHOUT ROWID;

CREATE TABLE action(
  key TEXT NOT NULL PRIMARY KEY,
  stage TEXT NOT NULL,
  version INTEGER NOT NULL,
  space TEXT NOT NULL,
  params TEXT NOT NULL,
  label TEXT NOT NULL,
  seconds REAL NOT NULL,
  images REAL,
  counters TEXT NOT NULL,
  host TEXT NOT NULL,
  rank INTEGER NOT NULL,
  finished REAL NOT NULL);
CREATE INDEX action_by_space ON action(stage, space, key);

CREATE TABLE blob(
  key TEXT NOT NULL REFERENCES action ON DELETE CASCADE,
  port TEXT NOT NULL,
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY(key, port)) WITHOUT ROWID;
CREATE INDEX blob_by_digest ON blob(digest);

CREATE TABLE task(
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  key TEXT NOT NULL,
  stage TEXT NOT NULL,
  cached INTEGER NOT NULL,
  PRIMARY KEY(sweep_id, key)) WITHOUT ROWID;

CREATE TABLE attempt(
  attempt_id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  trial TEXT,
  key TEXT NOT NULL,
  stage TEXT NOT NULL,
  host TEXT NOT NULL,
  device TEXT NOT NULL,
  rank INTEGER NOT NULL,
  signal INTEGER,
  outcome TEXT NOT NULL,
  message TEXT,
  started REAL NOT NULL,
  seconds REAL NOT NULL);
CREATE INDEX attempt_by_trial ON attempt(sweep_id, trial);

CREATE TABLE event(
  event_id INTEGER PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  time REAL NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL);
CREATE INDEX event_by_time ON event(sweep_id, time);

CREATE TABLE run(
  run TEXT NOT NULL PRIMARY KEY,
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  job TEXT,
  ranks INTEGER NOT NULL,
  started REAL NOT NULL,
  ended REAL,
  outcome TEXT);
CREATE INDEX run_by_sweep ON run(sweep_id, started);

CREATE TABLE file_digest(
  path TEXT NOT NULL PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  digest TEXT NOT NULL) WITHOUT ROWID;
)sql";

constexpr char kVersion2[] = R"sql(
CREATE TABLE claim(
  key TEXT NOT NULL PRIMARY KEY,
  run TEXT NOT NULL,
  time REAL NOT NULL) WITHOUT ROWID;

-- Keys and digests are random: each index on them costs a page per row written.
DROP INDEX blob_by_digest;
DROP INDEX action_by_space;
CREATE INDEX action_by_space ON action(stage, space, key) WHERE space <> '';
)sql";

// No table: the view `task_times` tells of passes and stalls.
constexpr char kVersion3[] = "SELECT 1;";

constexpr char kVersion4[] = R"sql(
CREATE TABLE sweep_weights(
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  backbone TEXT NOT NULL,
  weights TEXT NOT NULL,
  digest TEXT NOT NULL,
  entry TEXT,
  source TEXT,
  license TEXT,
  preprocessing TEXT NOT NULL,
  PRIMARY KEY(sweep_id, backbone, weights, digest)) WITHOUT ROWID;
)sql";

// The index holds only what was removed, so that other rows pay nothing.
constexpr char kVersion5[] = R"sql(
ALTER TABLE blob ADD COLUMN removed REAL;
CREATE INDEX blob_removed ON blob(digest) WHERE removed IS NOT NULL;
)sql";

// What a threshold decides has figures of its own, so that every reader of
// `metric` keeps meaning the largest probability.
constexpr char kVersion6[] = R"sql(
ALTER TABLE metric ADD COLUMN sd REAL;

CREATE TABLE rule_metric(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  split TEXT NOT NULL,
  class TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  low REAL,
  high REAL,
  method TEXT,
  n_groups INTEGER,
  sd REAL,
  PRIMARY KEY(trial_id, repeat, fold, split, class, name)) WITHOUT ROWID;

CREATE TABLE threshold(
  trial_id INTEGER NOT NULL REFERENCES trial ON DELETE CASCADE,
  repeat INTEGER NOT NULL,
  fold INTEGER NOT NULL,
  class TEXT NOT NULL,
  target TEXT NOT NULL,
  value REAL,
  positive_groups INTEGER NOT NULL,
  reliable INTEGER NOT NULL,
  PRIMARY KEY(trial_id, repeat, fold)) WITHOUT ROWID;

CREATE TABLE bound(
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  position INTEGER NOT NULL,
  label TEXT NOT NULL,
  name TEXT NOT NULL,
  class TEXT NOT NULL,
  split TEXT NOT NULL,
  at_least INTEGER NOT NULL,
  bound REAL NOT NULL,
  PRIMARY KEY(sweep_id, position)) WITHOUT ROWID;

ALTER TABLE image ADD COLUMN duplicate_of TEXT;

CREATE TABLE audit_figure(
  sweep_id INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  probe TEXT NOT NULL,
  class_a TEXT NOT NULL,
  class_b TEXT NOT NULL,
  may_alarm INTEGER NOT NULL,
  balanced_accuracy REAL NOT NULL,
  low REAL,
  high REAL,
  bound REAL,
  method TEXT NOT NULL,
  chance REAL NOT NULL,
  images INTEGER NOT NULL,
  n_groups INTEGER NOT NULL,
  folds INTEGER NOT NULL,
  PRIMARY KEY(sweep_id, probe, class_a, class_b)) WITHOUT ROWID;
)sql";

// Images of sets that a trial was evaluated on later.
constexpr std::string_view kVersion7 = R"sql(
ALTER TABLE image ADD COLUMN later INTEGER NOT NULL DEFAULT 0;
)sql";

}  // namespace

const std::vector<std::string_view>& TableMigrations() {
  static const std::vector<std::string_view> steps = {
      kVersion1, kVersion2, kVersion3, kVersion4,
      kVersion5, kVersion6, kVersion7};
  return steps;
}

}  // namespace besom::db
