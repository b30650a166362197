-- Operating systems and processors. The view has one name for a processor: x86_64 is AMD64 too, and arm64 is aarch64.
SELECT
    ifNull(toString(`os.type`), 'unknown') AS os,
    `run.arch` AS arch,
    count() AS runs
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY os, arch
ORDER BY runs DESC, os, arch
