-- Growth: the share of each release in a week's runs. The service is empty for all programs together. Kept for good: a
-- version that is not a release's may have anybody's name in it.
SELECT
    service,
    week,
    version,
    runs,
    runs / sum(runs) OVER (PARTITION BY service, week) AS share
FROM
(
    SELECT
        service,
        toMonday(timestamp) AS week,
        `run.released` AS version,
        count() AS runs
    FROM runs
    ARRAY JOIN ['', `service.name`] AS service
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    GROUP BY service, week, version
)
ORDER BY service, week, version
