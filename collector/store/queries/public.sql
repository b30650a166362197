-- For everyone to see: counts alone, and no group of fewer than {smallest:UInt32} runs. What is hidden adds up to
-- 'others', which is hidden as well where it is small. Filters would tell small groups by what two answers differ by: of
-- the five that the other queries have, only the service and the time are heeded, and the time is to be of whole days.
SELECT
    question,
    if(found < {smallest:UInt32}, 'others', what) AS answer,
    sum(found) AS runs
FROM
(
    SELECT
        counted.1 AS question,
        ifNull(counted.2, 'unknown') AS what,
        count() AS found
    FROM spans
    ARRAY JOIN
    [
        ('week', CAST(toString(toMonday(timestamp)), 'Nullable(String)')),
        ('subcommand', CAST(name, 'Nullable(String)')),
        ('version', CAST(`service.version`, 'Nullable(String)')),
        ('os', CAST(`os.type`, 'Nullable(String)')),
        ('arch', CAST(`host.arch`, 'Nullable(String)')),
        ('format', CAST(`params.contact_map_format`, 'Nullable(String)'))
    ] AS counted
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    GROUP BY question, what
)
GROUP BY question, answer
HAVING runs >= {smallest:UInt32}
ORDER BY question, runs DESC, answer
