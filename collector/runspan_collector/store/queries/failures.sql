-- What the runs of each version failed with, and the share of that in the version's runs.
SELECT
    version,
    exception,
    failed,
    of_version AS runs,
    failed / of_version AS share
FROM
(
    SELECT
        if({version:String} = '', `run.release`, `run.version`) AS version,
        if(status_code = 2 AND NOT ifNull(aborted, false), ifNull(toString(`exception.type`), 'unknown'), '') AS exception,
        count() AS failed,
        sum(failed) OVER (PARTITION BY version) AS of_version
    FROM runs
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    GROUP BY version, exception
)
WHERE exception != ''
ORDER BY version, exception
