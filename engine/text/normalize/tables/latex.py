"""Commands of LaTeX that stand for a sign, and what is said for them."""

from __future__ import annotations

_LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega Gamma "
    "Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
COMMANDS = {
    **{name: name.lower() for name in _LETTERS.split()},
    "varepsilon": "epsilon",
    "varphi": "phi",
    "times": "times",
    "cdot": "times",
    "div": "divided by",
    "pm": "plus or minus",
    "mp": "minus or plus",
    "leq": "is less than or equal to",
    "le": "is less than or equal to",
    "geq": "is greater than or equal to",
    "ge": "is greater than or equal to",
    "neq": "is not equal to",
    "ne": "is not equal to",
    "lt": "is less than",
    "gt": "is greater than",
    "approx": "is about",
    "sim": "is about",
    "equiv": "is equivalent to",
    "propto": "is proportional to",
    "infty": "infinity",
    "sum": "the sum of",
    "prod": "the product of",
    "int": "the integral of",
    "lim": "the limit of",
    "partial": "partial",
    "nabla": "nabla",
    "sqrt": "the square root of",
    "log": "log",
    "ln": "natural log of",
    "sin": "sine",
    "cos": "cosine",
    "tan": "tangent",
    "in": "in",
    "notin": "not in",
    "subset": "is a subset of",
    "cup": "union",
    "cap": "intersection",
    "forall": "for all",
    "exists": "there exists",
    "to": "to",
    "rightarrow": "to",
    "Rightarrow": "implies",
    "implies": "implies",
    "ldots": "and so on",
    "dots": "and so on",
    "cdots": "and so on",
    "circ": "degrees",
    "degree": "degrees",
    "angle": "angle",
    "percent": "percent",
}
_SILENT = "left right big Big bigl bigr quad qquad text mathrm mathbf displaystyle limits begin end align aligned"
SILENT = frozenset(_SILENT.split())
