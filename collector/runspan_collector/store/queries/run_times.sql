-- How long runs that succeeded took, by program and subcommand.
SELECT
    `service.name` AS service,
    name AS subcommand,
    count() AS runs,
    quantileExact(0.5)(assumeNotNull(duration_ms)) / 1000 AS median_s,
    quantileExact(0.9)(assumeNotNull(duration_ms)) / 1000 AS p90_s
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND status_code = 1 AND duration_ms IS NOT NULL
GROUP BY service, subcommand
ORDER BY runs DESC, service, subcommand
