-- How much there is: runs, the days that have any, and how they ended.
-- environments: how many different systems (kernel, processor, Python) the runs came from. That is no number of people:
-- users of one cluster share an environment, and whoever updates has a new one. Nothing here could count people.
-- The five are one tuple: of five arguments, uniqExact passes over each run that lacks one.
SELECT
    count() AS runs,
    uniqExact(toDate(timestamp)) AS days,
    countIf(status_code = 2 AND NOT ifNull(aborted, false)) AS failed,
    countIf(ifNull(aborted, false)) AS aborted_runs,
    uniqExact((`os.type`, `os.version`, `host.arch`, `process.runtime.description`, `process.runtime.version`))
        AS environments
FROM runs
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
