-- Which functions are used most: runs by subcommand.
SELECT
    `service.name` AS service,
    name AS subcommand,
    count() AS runs
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY service, subcommand
ORDER BY runs DESC, service, subcommand
