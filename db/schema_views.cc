#include "db/schema.h"

namespace besom::db {
namespace {

// In the base tables -1 stands for "over all fits" (repeat, fold) and '' for
// "overall" (class), because a primary key holds no NULL; views show NULL.

constexpr char kRecords[] = R"sql(
CREATE VIEW sweeps AS
  SELECT s.name AS sweep, c.label AS metric, c.split AS split,
    CASE WHEN c.maximize THEN 'maximize' ELSE 'minimize' END AS goal,
    s.allow_test, s.seed, s.numerics, s.version,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.created, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.updated, 'unixepoch') AS updated
  FROM sweep s JOIN criterion c ON c.sweep_id = s.sweep_id AND c.position = 0;

CREATE VIEW weights AS
  SELECT s.name AS sweep, w.backbone, w.weights, w.entry, w.digest, w.source,
    w.license, w.preprocessing
  FROM sweep_weights w JOIN sweep s ON s.sweep_id = w.sweep_id;

CREATE VIEW trials AS
  SELECT s.name AS sweep, t.trial, t.state, t.parameters, t.error, t.ordinal,
    t.planned, t.backbone, t.head, t.dropout, t.fits, t.config
  FROM trial t JOIN sweep s ON s.sweep_id = t.sweep_id;

CREATE VIEW fits AS
  SELECT s.name AS sweep, t.trial, f.repeat, f.fold, f.chosen_epoch, f.classes,
    f.seconds
  FROM fit f JOIN trial t ON t.trial_id = f.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id;

CREATE VIEW trial_parameters AS
  SELECT s.name AS sweep, t.trial, j.key AS parameter, j.value AS value
  FROM trial t JOIN sweep s ON s.sweep_id = t.sweep_id,
    json_each(t.parameters) j;

CREATE VIEW metrics AS
  SELECT s.name AS sweep, t.trial, nullif(m.repeat, -1) AS repeat,
    nullif(m.fold, -1) AS fold, m.split, NULL AS epoch,
    nullif(m.class, '') AS class, m.name, m.value, m.low, m.high, m.method,
    m.n_groups
  FROM metric m JOIN trial t ON t.trial_id = m.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id
  UNION ALL
  SELECT s.name, t.trial, e.repeat, e.fold, e.split, e.epoch,
    nullif(e.class, ''), e.name, e.value, NULL, NULL, NULL, NULL
  FROM epoch_metric e JOIN trial t ON t.trial_id = e.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id;

CREATE VIEW confusion_matrix AS
  SELECT s.name AS sweep, t.trial, c.repeat, c.fold, c.split, c.actual,
    c.predicted, c.count
  FROM confusion c JOIN trial t ON t.trial_id = c.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id
  UNION ALL
  SELECT s.name, t.trial, NULL, NULL, c.split, c.actual, c.predicted,
    sum(c.count)
  FROM trial t JOIN sweep s ON s.sweep_id = t.sweep_id
    JOIN confusion c ON c.trial_id = t.trial_id
  WHERE t.fits > 1 AND t.fits =
    (SELECT count(*) FROM fit f WHERE f.trial_id = t.trial_id)
  GROUP BY s.name, t.trial, c.split, c.actual, c.predicted;

CREATE VIEW classification_report AS
  SELECT s.name AS sweep, t.trial, nullif(r.repeat, -1) AS repeat,
    nullif(r.fold, -1) AS fold, r.split, r.class, p.value AS precision,
    r.value AS recall, f.value AS f1,
    coalesce(n.value, CASE WHEN r.class IN ('macro avg', 'weighted avg') THEN
      (SELECT sum(v.value) FROM metric v WHERE v.trial_id = r.trial_id
        AND v.repeat = r.repeat AND v.fold = r.fold AND v.split = r.split
        AND v.class NOT IN ('', 'macro avg', 'weighted avg')
        AND v.name = 'support') END) AS support
  FROM metric r JOIN trial t ON t.trial_id = r.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id
    LEFT JOIN metric p ON p.trial_id = r.trial_id AND p.repeat = r.repeat
      AND p.fold = r.fold AND p.split = r.split AND p.class = r.class
      AND p.name = 'precision'
    LEFT JOIN metric f ON f.trial_id = r.trial_id AND f.repeat = r.repeat
      AND f.fold = r.fold AND f.split = r.split AND f.class = r.class
      AND f.name = 'f1'
    LEFT JOIN metric n ON n.trial_id = r.trial_id AND n.repeat = r.repeat
      AND n.fold = r.fold AND n.split = r.split AND n.class = r.class
      AND n.name = 'support'
  WHERE r.name = 'recall' AND r.class <> '';

CREATE VIEW predictions AS
  SELECT s.name AS sweep, t.trial, p.repeat, p.fold, p.split,
    i.source || '/' || i.path AS image, p.actual, p.predicted,
    p.probabilities, i.source, i.path
  FROM prediction p JOIN trial t ON t.trial_id = p.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id
    JOIN image i ON i.image_id = p.image_id;

CREATE VIEW curves AS
  SELECT s.name AS sweep, t.trial, nullif(c.repeat, -1) AS repeat,
    nullif(c.fold, -1) AS fold, c.split, nullif(c.class, '') AS class, c.kind,
    c.x, c.y, c.threshold
  FROM curve c JOIN trial t ON t.trial_id = c.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id;

CREATE VIEW comparisons AS
  SELECT s.name AS sweep, c.a, c.b, c.metric, c.split, c.method, c.difference,
    c.low, c.high, c.p, c.p_adjusted
  FROM comparison c JOIN sweep s ON s.sweep_id = c.sweep_id;
)sql";

constexpr char kData[] = R"sql(
CREATE VIEW images AS
  SELECT s.name AS sweep, i.source || '/' || i.path AS image, i.source, i.path,
    i.label, i.patients, i.group_name AS "group", coalesce(x.repeat, 0) AS
    repeat, coalesce(x.fold, 0) AS fold, x.split, i.left_out, i.width,
    i.height, i.mode, i.content, i.duplicate_of
  FROM image i JOIN sweep s ON s.sweep_id = i.sweep_id
    LEFT JOIN image_split x ON x.image_id = i.image_id
  WHERE i.listed;

CREATE VIEW data_summary AS
  SELECT sweep, label AS class, source, split, repeat, fold, left_out,
    count(*) AS images,
    count(DISTINCT patients || char(31) || "group") AS patients
  FROM images
  GROUP BY sweep, label, source, split, repeat, fold, left_out;
)sql";

constexpr char kWork[] = R"sql(
CREATE VIEW task_times AS
  SELECT s.name AS sweep, k.stage, count(*) AS tasks, sum(k.cached) AS cached,
    coalesce(sum(CASE WHEN k.cached THEN NULL ELSE a.seconds END), 0.0)
      AS seconds,
    sum(CASE WHEN k.cached THEN NULL
             ELSE coalesce(a.counters ->> 'computed', a.images) END)
      / nullif(sum(CASE WHEN k.cached OR a.images IS NULL THEN NULL
                        ELSE a.seconds END), 0) AS images_per_second,
    sum(CASE WHEN k.cached THEN NULL
             ELSE a.seconds * (1 - (a.counters ->> 'engine_seconds')
                / nullif(a.counters ->> 'lane_seconds', 0)) END)
      AS stall_seconds
  FROM task k JOIN sweep s ON s.sweep_id = k.sweep_id
    LEFT JOIN action a ON a.key = k.key
  GROUP BY s.sweep_id, k.stage;

CREATE VIEW attempts AS
  SELECT s.name AS sweep, a.trial, a.key AS task, a.stage, a.host, a.device,
    a.rank, a.signal, a.outcome, a.message,
    strftime('%Y-%m-%dT%H:%M:%fZ', a.started, 'unixepoch') AS started,
    a.seconds
  FROM attempt a JOIN sweep s ON s.sweep_id = a.sweep_id;

CREATE VIEW events AS
  SELECT s.name AS sweep,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.time, 'unixepoch') AS time, e.kind, e.text
  FROM event e JOIN sweep s ON s.sweep_id = e.sweep_id;

CREATE VIEW runs AS
  SELECT s.name AS sweep, r.run, r.host, r.pid, r.job, r.ranks,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.started, 'unixepoch') AS started,
    strftime('%Y-%m-%dT%H:%M:%SZ', r.ended, 'unixepoch') AS ended, r.outcome
  FROM run r JOIN sweep s ON s.sweep_id = r.sweep_id;
)sql";

// `scored` has one row per trial and criterion with the trial's place by it;
// the places of a trial, one after another in fixed width, are a key whose
// order is the order of the criteria (`keyed`). Trials that cannot be ranked
// take part, too: joining them later would cost trials x trials steps.
constexpr char kLeaderboard[] = R"sql(
CREATE VIEW leaderboard AS
WITH scored AS (
  SELECT t.sweep_id, t.trial_id, t.trial, c.position, m.value, m.low, m.high,
    t.planned AND t.state = 'done' AS finished,
    coalesce(p.value <= 1, 0) AS constant,
    rank() OVER (PARTITION BY t.sweep_id, c.position
      ORDER BY m.value IS NULL,
        CASE WHEN c.maximize THEN -m.value ELSE m.value END) AS place
  FROM trial t JOIN criterion c ON c.sweep_id = t.sweep_id
    LEFT JOIN metric m ON m.trial_id = t.trial_id
      AND m.repeat = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
      AND m.fold = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
      AND m.split = c.split AND m.class = c.class AND m.name = c.name
    LEFT JOIN metric p ON p.trial_id = t.trial_id
      AND p.repeat = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
      AND p.fold = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
      AND p.split = c.split AND p.class = '' AND p.name = 'predicted_classes'),
keyed AS (
  SELECT sweep_id, trial_id, trial, position, value, low, high, place, constant,
    finished AND value IS NOT NULL AS counts,
    group_concat(printf('%010d', place), '') OVER (
      PARTITION BY trial_id ORDER BY position
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS places
  FROM scored),
ranked AS (
  SELECT trial_id, value, low, high, counts,
    row_number() OVER (PARTITION BY sweep_id, counts
      ORDER BY constant, places, trial) AS rank,
    count(*) OVER (PARTITION BY sweep_id, counts, constant, place) - 1 AS ties,
    count(*) OVER (PARTITION BY sweep_id, counts, constant, places) - 1
      AS undecided
  FROM keyed WHERE position = 0)
SELECT s.name AS sweep, CASE WHEN r.counts THEN r.rank END AS rank, t.trial,
  t.state, t.backbone, t.head, t.dropout, t.parameters, c.label AS metric,
  CASE WHEN c.maximize THEN 'maximize' ELSE 'minimize' END AS goal, c.split,
  r.value, r.low, r.high, a.value AS accuracy, x.value AS test_value,
  x.low AS test_low, x.high AS test_high,
  CASE WHEN r.counts THEN r.ties END AS ties,
  (SELECT sum(f.seconds) FROM fit f WHERE f.trial_id = t.trial_id) AS seconds,
  CASE WHEN r.counts THEN r.undecided END AS undecided, t.planned
FROM ranked r CROSS JOIN trial t ON t.trial_id = r.trial_id
  JOIN sweep s ON s.sweep_id = t.sweep_id
  JOIN criterion c ON c.sweep_id = t.sweep_id AND c.position = 0
  LEFT JOIN metric a ON a.trial_id = t.trial_id
    AND a.repeat = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
    AND a.fold = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
    AND a.split = c.split AND a.class = '' AND a.name = 'accuracy'
  LEFT JOIN metric x ON x.trial_id = t.trial_id
    AND x.repeat = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
    AND x.fold = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
    AND x.split = 'test' AND x.class = c.class AND x.name = c.name
ORDER BY s.name, NOT r.counts, r.rank, t.ordinal;
)sql";

}  // namespace

const std::vector<std::string_view>& ViewDefinitions() {
  static const std::vector<std::string_view> views = {kRecords, kData, kWork,
                                                      kLeaderboard};
  return views;
}

}  // namespace besom::db
