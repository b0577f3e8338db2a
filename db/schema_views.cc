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

CREATE VIEW bounds AS
  SELECT s.name AS sweep, b.position, b.label AS subject_to, b.split
  FROM bound b JOIN sweep s ON s.sweep_id = b.sweep_id;

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
    m.n_groups, m.sd, 'largest' AS rule
  FROM metric m JOIN trial t ON t.trial_id = m.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id
  UNION ALL
  SELECT s.name, t.trial, nullif(m.repeat, -1), nullif(m.fold, -1), m.split,
    NULL, nullif(m.class, ''), m.name, m.value, m.low, m.high, m.method,
    m.n_groups, m.sd, 'threshold'
  FROM rule_metric m JOIN trial t ON t.trial_id = m.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id
  UNION ALL
  SELECT s.name, t.trial, e.repeat, e.fold, e.split, e.epoch,
    nullif(e.class, ''), e.name, e.value, NULL, NULL, NULL, NULL, NULL,
    'largest'
  FROM epoch_metric e JOIN trial t ON t.trial_id = e.trial_id
    JOIN sweep s ON s.sweep_id = t.sweep_id;

CREATE VIEW thresholds AS
  SELECT s.name AS sweep, t.trial, nullif(h.repeat, -1) AS repeat,
    nullif(h.fold, -1) AS fold, h.class, h.target, h.value, h.positive_groups,
    h.reliable
  FROM threshold h JOIN trial t ON t.trial_id = h.trial_id
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
    p.probabilities, i.source, i.path, i.patients, i.group_name AS "group"
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
// `violation` is by how much a trial misses its bounds, all added up; one
// whose figure has no value misses them by more than any other.
constexpr char kLeaderboard[] = R"sql(
CREATE VIEW leaderboard AS
WITH chosen AS (
  SELECT trial_id, sweep_id, trial, CASE WHEN fits > 1 THEN -1 ELSE 0 END AS
    fit, planned AND state = 'done' AS finished
  FROM trial),
bounded AS (
  SELECT t.trial_id, sum(max(0, coalesce(CASE WHEN b.at_least
    THEN b.bound - m.value ELSE m.value - b.bound END, 9e99))) AS violation
  FROM chosen t JOIN bound b ON b.sweep_id = t.sweep_id
    LEFT JOIN metric m ON m.trial_id = t.trial_id AND m.repeat = t.fit
      AND m.fold = t.fit AND m.split = b.split AND m.class = b.class
      AND m.name = b.name
  GROUP BY t.trial_id),
scored AS (
  SELECT t.sweep_id, t.trial_id, t.trial, c.position, m.value, m.low, m.high,
    t.finished, coalesce(p.value <= 1, 0) AS constant, b.violation,
    rank() OVER (PARTITION BY t.sweep_id, c.position
      ORDER BY m.value IS NULL,
        CASE WHEN c.maximize THEN -m.value ELSE m.value END) AS place
  FROM chosen t JOIN criterion c ON c.sweep_id = t.sweep_id
    LEFT JOIN bounded b ON b.trial_id = t.trial_id
    LEFT JOIN metric m ON m.trial_id = t.trial_id AND m.repeat = t.fit
      AND m.fold = t.fit AND m.split = c.split AND m.class = c.class
      AND m.name = c.name
    LEFT JOIN metric p ON p.trial_id = t.trial_id AND p.repeat = t.fit
      AND p.fold = t.fit AND p.split = c.split AND p.class = ''
      AND p.name = 'predicted_classes'),
keyed AS (
  SELECT sweep_id, trial_id, trial, position, value, low, high, place, constant,
    violation, finished AND value IS NOT NULL AS counts,
    group_concat(printf('%010d', place), '') OVER (
      PARTITION BY trial_id ORDER BY position
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS places
  FROM scored),
ranked AS (
  SELECT trial_id, value, low, high, violation, counts,
    row_number() OVER (PARTITION BY sweep_id, counts
      ORDER BY constant, coalesce(violation, 0), places, trial) AS rank,
    count(*) OVER (PARTITION BY sweep_id, counts, constant,
      coalesce(violation, 0), place) - 1 AS ties,
    count(*) OVER (PARTITION BY sweep_id, counts, constant,
      coalesce(violation, 0), places) - 1 AS undecided,
    count(*) OVER (PARTITION BY sweep_id, counts) AS of_trials
  FROM keyed WHERE position = 0)
SELECT s.name AS sweep, CASE WHEN r.counts THEN r.rank END AS rank, t.trial,
  t.state, t.backbone, t.head, t.dropout, t.parameters, c.label AS metric,
  CASE WHEN c.maximize THEN 'maximize' ELSE 'minimize' END AS goal, c.split,
  r.value, r.low, r.high, a.value AS accuracy, x.value AS test_value,
  x.low AS test_low, x.high AS test_high,
  CASE WHEN r.counts THEN r.ties END AS ties,
  (SELECT sum(f.seconds) FROM fit f WHERE f.trial_id = t.trial_id) AS seconds,
  CASE WHEN r.counts THEN r.undecided END AS undecided, t.planned,
  r.violation, r.counts AND r.rank = 1 AND r.of_trials > 1 AS optimistic
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

// Finished trials that no other one beats in recall of the positive class
// without losing specificity, or the other way round. The first window holds
// all trials of at least the same recall, the second those of a higher one.
constexpr char kParetoFront[] = R"sql(
CREATE VIEW pareto_front AS
WITH point AS (
  SELECT t.sweep_id, t.trial_id, t.trial, t.ordinal, c.split, r.class,
    r.value AS recall, f.value AS specificity
  FROM trial t JOIN sweep s ON s.sweep_id = t.sweep_id
    JOIN criterion c ON c.sweep_id = t.sweep_id AND c.position = 0
    JOIN metric r ON r.trial_id = t.trial_id
      AND r.repeat = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
      AND r.fold = CASE WHEN t.fits > 1 THEN -1 ELSE 0 END
      AND r.split = c.split AND r.name = 'recall'
      AND r.class = json_extract(s.spec_json, '$.evaluate.positive')
    JOIN metric f ON f.trial_id = t.trial_id AND f.repeat = r.repeat
      AND f.fold = r.fold AND f.split = r.split AND f.name = 'specificity'
      AND f.class = r.class
  WHERE t.planned AND t.state = 'done' AND r.value IS NOT NULL
    AND f.value IS NOT NULL),
compared AS (
  SELECT *,
    max(specificity) OVER (PARTITION BY sweep_id ORDER BY recall DESC
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS at_least,
    max(specificity) OVER (PARTITION BY sweep_id ORDER BY recall DESC
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP)
      AS above
  FROM point)
SELECT s.name AS sweep, p.trial, p.split, p.class, p.recall, p.specificity
FROM compared p JOIN sweep s ON s.sweep_id = p.sweep_id
WHERE p.specificity = p.at_least
  AND (p.above IS NULL OR p.specificity > p.above)
ORDER BY s.name, p.recall DESC, p.ordinal;
)sql";

// `best` has each sweep's first trial and the set that its figures are taken
// on: test, where there is one with all classes, else the set that trials are
// ranked by. `told` has its answers there, over all fits.
constexpr char kAudit[] = R"sql(
CREATE VIEW audit AS
WITH best AS (
  SELECT s.sweep_id, t.trial_id, t.trial,
    CASE WHEN (SELECT count(DISTINCT x.actual) FROM confusion x
               WHERE x.trial_id = t.trial_id AND x.split = 'test'
                 AND x.count > 0)
           = (SELECT count(DISTINCT x.actual) FROM confusion x
              WHERE x.trial_id = t.trial_id)
         THEN 'test' ELSE l.split END AS split
  FROM leaderboard l JOIN sweep s ON s.name = l.sweep
    JOIN trial t ON t.sweep_id = s.sweep_id AND t.trial = l.trial
  WHERE l.rank = 1),
told AS (
  SELECT b.sweep_id, c.actual, c.predicted, sum(c.count) AS count
  FROM best b JOIN confusion c ON c.trial_id = b.trial_id AND c.split = b.split
  GROUP BY b.sweep_id, c.actual, c.predicted),
recalls AS (
  SELECT f.sweep_id, f.probe, f.class_a, f.class_b, m.actual,
    sum(CASE WHEN m.actual = m.predicted THEN m.count ELSE 0 END) * 1.0
      / nullif(sum(m.count), 0) AS recall
  FROM audit_figure f JOIN told m ON m.sweep_id = f.sweep_id
    AND (f.class_a = '' OR (m.actual IN (f.class_a, f.class_b)
                            AND m.predicted IN (f.class_a, f.class_b)))
  GROUP BY f.sweep_id, f.probe, f.class_a, f.class_b, m.actual),
compared AS (
  SELECT f.*, b.trial, b.split,
    (SELECT CASE WHEN count(r.recall) = round(1 / f.chance)
                 THEN avg(r.recall) END
     FROM recalls r WHERE r.sweep_id = f.sweep_id AND r.probe = f.probe
       AND r.class_a = f.class_a AND r.class_b = f.class_b) AS model_value
  FROM audit_figure f LEFT JOIN best b ON b.sweep_id = f.sweep_id)
SELECT s.name AS sweep, 0 AS repeat, 0 AS fold, c.probe,
  nullif(c.class_a, '') AS class_a, nullif(c.class_b, '') AS class_b,
  c.balanced_accuracy, c.low, c.high, c.bound, c.chance, c.images,
  c.n_groups AS groups, c.folds, c.method, c.trial AS model,
  c.split AS model_split, c.model_value AS model_balanced_accuracy,
  CASE WHEN NOT c.may_alarm OR c.bound IS NULL OR c.bound <= c.chance THEN 0
       WHEN c.model_value IS NULL THEN NULL
       ELSE c.balanced_accuracy - c.chance
              >= 0.5 * (c.model_value - c.chance) END AS alarm
FROM compared c JOIN sweep s ON s.sweep_id = c.sweep_id
ORDER BY s.name, CASE c.probe WHEN 'facts' THEN 0 WHEN 'file' THEN 1
  WHEN 'ring' THEN 2 ELSE 3 END, c.class_a, c.class_b;

CREATE VIEW own_sources AS
WITH used AS (
  SELECT DISTINCT i.sweep_id, i.image_id, i.source, i.label
  FROM image i JOIN image_split x ON x.image_id = i.image_id
  WHERE i.listed AND x.split IN ('train', 'validation', 'test')),
sources AS (
  SELECT sweep_id, source, min(label) AS label, count(*) AS images
  FROM used GROUP BY sweep_id, source HAVING count(DISTINCT label) = 1),
classes AS (
  SELECT sweep_id, label, count(*) AS images FROM used
  GROUP BY sweep_id, label)
SELECT s.name AS sweep, o.label AS class, o.source, o.images,
  c.images AS of_images
FROM sources o JOIN sweep s ON s.sweep_id = o.sweep_id
  JOIN classes c ON c.sweep_id = o.sweep_id AND c.label = o.label;
)sql";

}  // namespace

const std::vector<std::string_view>& ViewDefinitions() {
  static const std::vector<std::string_view> views = {
      kRecords, kData, kWork, kLeaderboard, kParetoFront, kAudit};
  return views;
}

}  // namespace besom::db
