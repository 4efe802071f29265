"""The read models that follow inside each append: `READ_MODELS` names them, `inline` makes what folds them.

Reading a store needs the names and versions only, so the folds are not imported before `inline` is called: `history` starts
faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventstore.projection import Projection

READ_MODELS: tuple[tuple[str, int], ...] = (
    ("deployments", 2),
    ("deploy_history", 4),
    ("releases", 2),
    ("slots", 2),
    ("metrics", 1),
    ("notifications", 1),
    ("validations", 1),
)
"""(name, version) of each; a test compares them with `inline`."""


def inline() -> tuple[Projection, ...]:
    """The projections in the order they fold: those after the first read the deployment's row, which must have seen the event."""
    from orchestrator.projections.deploy_history import HistoryProjection
    from orchestrator.projections.deployments_fold import DeploymentsProjection
    from orchestrator.projections.metrics_fold import MetricsProjection
    from orchestrator.projections.notifications import NotificationsProjection
    from orchestrator.projections.releases import ReleasesProjection
    from orchestrator.projections.slots import SlotsProjection
    from orchestrator.projections.validations import ValidationsProjection

    return (
        DeploymentsProjection(),
        HistoryProjection(),
        ReleasesProjection(),
        SlotsProjection(),
        MetricsProjection(),
        NotificationsProjection(),
        ValidationsProjection(),
    )
