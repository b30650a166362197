-- Runs a week, and from how many different environments (see totals.sql for what that is, and is not).
SELECT
    toMonday(timestamp) AS week,
    count() AS runs,
    uniqExact((`os.type`, `os.version`, `host.arch`, `process.runtime.description`, `process.runtime.version`))
        AS environments
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY week
ORDER BY week
