-- Python versions: the implementation and the first two numbers.
SELECT
    ifNull(toString(`process.runtime.name`), 'unknown') AS implementation,
    arrayStringConcat(arraySlice(splitByChar('.', ifNull(toString(`process.runtime.version`), 'unknown')), 1, 2), '.') AS python,
    count() AS runs
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY implementation, python
ORDER BY runs DESC, implementation, python
