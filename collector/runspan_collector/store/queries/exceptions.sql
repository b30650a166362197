-- What runs failed with.
SELECT
    if({version:String} = '', `run.release`, `run.version`) AS version,
    name AS subcommand,
    ifNull(toString(`exception.type`), 'unknown') AS exception,
    count() AS runs
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND status_code = 2 AND NOT ifNull(aborted, false)
GROUP BY version, subcommand, exception
ORDER BY runs DESC, version, subcommand, exception
