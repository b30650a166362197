-- Failures and aborted runs, by version and subcommand.
SELECT
    if({version:String} = '', `run.release`, `run.version`) AS version,
    name AS subcommand,
    count() AS runs,
    countIf(status_code = 2 AND NOT ifNull(aborted, false)) AS failed,
    countIf(ifNull(aborted, false)) AS aborted_runs,
    failed / runs AS failed_share,
    aborted_runs / runs AS aborted_share
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
GROUP BY version, subcommand
ORDER BY version, subcommand
