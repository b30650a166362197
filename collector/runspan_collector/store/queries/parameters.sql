-- Parameters that are moved from their defaults. The defaults are those of StripePy's command line (1.3.0): the one
-- place to change when StripePy changes one. Runs that did not report the parameter do not count. A threshold that is
-- not given is reported as 0 by plot cm, and as the largest double where it is an upper one.
SELECT
    parameter.1 AS subcommand,
    parameter.2 AS field,
    parameter.3 AS default_value,
    parameter.4 AS runs,
    parameter.5 AS moved,
    moved / runs AS moved_share
FROM
(
    SELECT
        name,
        [
            ('call', 'params.constrain_heights', 'false', count(`params.constrain_heights`), countIf(`params.constrain_heights` != false)),
            ('call', 'params.contact_map_raw_interactions', 'true', count(`params.contact_map_raw_interactions`), countIf(`params.contact_map_raw_interactions` != true)),
            ('call', 'params.genomic_belt', '5000000', count(`params.genomic_belt`), countIf(`params.genomic_belt` != 5000000)),
            ('call', 'params.glob_pers_min', '0.04', count(`params.glob_pers_min`), countIf(`params.glob_pers_min` != 0.04)),
            ('call', 'params.k', '3', count(`params.k`), countIf(`params.k` != 3)),
            ('call', 'params.loc_pers_min', '0.33', count(`params.loc_pers_min`), countIf(`params.loc_pers_min` != 0.33)),
            ('call', 'params.loc_trend_min', '0.25', count(`params.loc_trend_min`), countIf(`params.loc_trend_min` != 0.25)),
            ('call', 'params.low_memory', 'false', count(`params.low_memory`), countIf(`params.low_memory` != false)),
            ('call', 'params.max_width', '100000', count(`params.max_width`), countIf(`params.max_width` != 100000)),
            ('call', 'params.nproc', '1', count(`params.nproc`), countIf(`params.nproc` != 1)),
            ('download', 'params.end2end_test', 'false', count(`params.end2end_test`), countIf(`params.end2end_test` != false)),
            ('download', 'params.list_only', 'false', count(`params.list_only`), countIf(`params.list_only` != false)),
            ('download', 'params.unit_test', 'false', count(`params.unit_test`), countIf(`params.unit_test` != false)),
            ('plot cm', 'params.coefficient_of_variation_threshold', 'none', count(`params.coefficient_of_variation_threshold`), countIf(`params.coefficient_of_variation_threshold` != 1.7976931348623157e308)),
            ('plot cm', 'params.highlight_seeds', 'false', count(`params.highlight_seeds`), countIf(`params.highlight_seeds` != false)),
            ('plot cm', 'params.highlight_stripes', 'false', count(`params.highlight_stripes`), countIf(`params.highlight_stripes` != false)),
            ('plot cm', 'params.relative_change_threshold', '0', count(`params.relative_change_threshold`), countIf(`params.relative_change_threshold` != 0)),
            ('view', 'params.coefficient_of_variation_threshold', 'none', count(`params.coefficient_of_variation_threshold`), countIf(`params.coefficient_of_variation_threshold` != 1.7976931348623157e308)),
            ('view', 'params.relative_change_threshold', '5', count(`params.relative_change_threshold`), countIf(`params.relative_change_threshold` != 5))
        ] AS parameters
    FROM spans
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR `service.version` = {version:String})
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
        AND `service.name` = 'stripepy'
    GROUP BY name
)
ARRAY JOIN parameters AS parameter
WHERE subcommand = name AND runs > 0
ORDER BY subcommand, field
