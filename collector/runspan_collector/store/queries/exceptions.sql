-- What runs failed with.
SELECT
    ifNull(`service.version`, 'unknown') AS version,
    name AS subcommand,
    ifNull(`exception.type`, 'unknown') AS exception,
    count() AS runs
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND status_code = 2 AND NOT ifNull(aborted, false)
GROUP BY version, subcommand, exception
ORDER BY runs DESC, version, subcommand, exception
