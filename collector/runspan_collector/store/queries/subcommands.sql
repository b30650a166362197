-- Which functions are used most: runs by subcommand.
SELECT
    `service.name` AS service,
    name AS subcommand,
    count() AS runs
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY service, subcommand
ORDER BY runs DESC, service, subcommand
