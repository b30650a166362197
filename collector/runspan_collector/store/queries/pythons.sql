-- Python versions: the implementation and the first two numbers.
SELECT
    ifNull(`process.runtime.name`, 'unknown') AS implementation,
    arrayStringConcat(arraySlice(splitByChar('.', ifNull(`process.runtime.version`, 'unknown')), 1, 2), '.') AS python,
    count() AS runs
FROM spans
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY implementation, python
ORDER BY runs DESC, implementation, python
