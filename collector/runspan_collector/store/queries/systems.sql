-- Operating systems and processors.
SELECT
    ifNull(`os.type`, 'unknown') AS os,
    ifNull(`host.arch`, 'unknown') AS arch,
    count() AS runs
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY os, arch
ORDER BY runs DESC, os, arch
