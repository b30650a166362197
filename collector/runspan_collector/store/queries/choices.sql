-- What the filters can be set to. Versions that are no releases are put together, as 1.3.2.dev.
SELECT
    choice.1 AS filter,
    assumeNotNull(choice.2) AS value,
    count() AS runs
FROM runs
ARRAY JOIN [('service', CAST(`service.name`, 'Nullable(String)')), ('subcommand', CAST(name, 'Nullable(String)')),
    ('version', nullIf(`run.release`, 'unknown'))] AS choice
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND choice.2 IS NOT NULL
GROUP BY filter, value
ORDER BY filter, runs DESC, value
