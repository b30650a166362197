-- Growth: the runs of each week, from how many environments (totals.sql has what these are), and their releases. The
-- service is empty for all programs together. Kept for good: a version that is not a release's may have anybody's name.
SELECT
    service,
    toMonday(timestamp) AS week,
    count() AS runs,
    -- Of another program than StripePy, those of the five that it has.
    nullIf(uniqExact({all:resource string (os\.(type|version)|host\.arch|process\.runtime\.(description|version))$}), 0)
        AS environments,
    arraySort(groupUniqArrayIf(`run.released`, `run.released` != 'other')) AS releases
FROM runs
ARRAY JOIN ['', `service.name`] AS service
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY service, week
ORDER BY service, week
