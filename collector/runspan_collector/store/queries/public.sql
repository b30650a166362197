-- For everyone to see: the counts of one whole week. What this protects from, and what not, is in docs/dashboard.md.
-- Counts are rounded down to tens, the week's own too, so that what is hidden can't be worked out from what is shown.
-- Groups of fewer than 10 runs or 3 environments (totals.sql has what these are) are shown together, as 'other'. Where
-- those have 10 runs but not 3 environments the next smallest group is put to them.
-- A version that is not a release's, such as 1.3.0, may have anybody's name in it. Of the filters only the service is heeded.
SELECT
    question,
    if(hidden, 'other', what) AS answer,
    intDiv(sum(found), 10) * 10 AS runs
FROM
(
    SELECT
        *,
        small OR (
            found = minIf(found, NOT small) OVER all_of_it
            AND sumIf(found, small) OVER all_of_it >= 10
            AND uniqExactMergeIf(environments, small) OVER all_of_it < 3
        ) AS hidden
    FROM
    (
        SELECT
            counted.1 AS question,
            ifNull(counted.2, 'unknown') AS what,
            sum("/together") AS found,
            uniqExactState("/environment") AS environments,
            found < 10 OR finalizeAggregation(environments) < 3 AS small
        FROM
        (
            -- First all runs that are the same, which is faster than each by itself.
            SELECT
                [
                    ('week', CAST(toString(toMonday(timestamp)), 'Nullable(String)')),
                    ('subcommand', CAST(name, 'Nullable(String)')),
                    ('version', `run.released`),
                    ('os', CAST(toString(`os.type`), 'Nullable(String)')),
                    ('arch', CAST(`run.arch`, 'Nullable(String)')),
                    ('format', CAST(toString(`params.contact_map_format`), 'Nullable(String)'))
                ] AS "/answers",
                -- A tuple, since some of it may be unknown.
                (`os.type`, `os.version`, `host.arch`, `process.runtime.description`, `process.runtime.version`)
                    AS "/environment",
                count() AS "/together"
            FROM runs
            WHERE ({service:String} = '' OR `service.name` = {service:String})
                AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
            GROUP BY
                toMonday(timestamp),
                name,
                `run.released`,
                `os.type`,
                `run.arch`,
                `params.contact_map_format`,
                "/environment"
        )
        ARRAY JOIN "/answers" AS counted
        GROUP BY question, what
    )
    WINDOW all_of_it AS (PARTITION BY question)
)
GROUP BY question, answer
HAVING runs > 0 AND uniqExactMerge(environments) >= 3
ORDER BY question, runs DESC, answer
