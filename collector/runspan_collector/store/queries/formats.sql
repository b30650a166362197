-- Which formats are read and downloaded.
SELECT
    name AS subcommand,
    ifNull(toString(coalesce(toString(`params.contact_map_format`), toString(`params.dataset_format`))), '') AS format,
    count() AS runs
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND (`params.contact_map_format` IS NOT NULL OR `params.dataset_format` IS NOT NULL)
GROUP BY subcommand, format
ORDER BY runs DESC, subcommand, format
