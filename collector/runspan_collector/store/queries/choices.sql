-- What the filters can be set to.
SELECT
    choice.1 AS filter,
    assumeNotNull(choice.2) AS value,
    count() AS runs
FROM spans
ARRAY JOIN [('service', CAST(`service.name`, 'Nullable(String)')), ('subcommand', CAST(name, 'Nullable(String)')),
    ('version', CAST(`service.version`, 'Nullable(String)'))] AS choice
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND choice.2 IS NOT NULL
GROUP BY filter, value
ORDER BY filter, runs DESC, value
