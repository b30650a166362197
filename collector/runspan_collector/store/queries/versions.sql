-- Which versions are in use, and since when each was seen.
SELECT
    `service.name` AS service,
    ifNull(`service.version`, 'unknown') AS version,
    count() AS runs,
    min(toDate(timestamp)) AS first_day,
    max(toDate(timestamp)) AS last_day
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY service, version
ORDER BY runs DESC, service, version
