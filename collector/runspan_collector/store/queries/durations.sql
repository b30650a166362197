-- How long runs of StripePy's call that succeeded took, by processes and resolution.
SELECT
    assumeNotNull(`params.nproc`) AS nproc,
    assumeNotNull(`params.contact_map_resolution`) AS resolution,
    count() AS runs,
    quantileExact(0.5)(assumeNotNull(duration_ms)) / 1000 AS median_s,
    quantileExact(0.9)(assumeNotNull(duration_ms)) / 1000 AS p90_s
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND `service.name` = 'stripepy' AND name = 'call' AND status_code = 1 AND duration_ms IS NOT NULL
    AND `params.nproc` IS NOT NULL AND `params.contact_map_resolution` IS NOT NULL
GROUP BY nproc, resolution
ORDER BY nproc, resolution
