import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from scansearch import registry as module
from scansearch.errors import ScansearchError
from scansearch.registry import SCAN_ORDERS, SEARCH_SPACES, Registry, natural_key


@pytest.fixture
def packages(monkeypatch, tmp_path):
    """A registry whose entry points come from the modules that a test writes: ``packages(name, value, source)``."""
    points = []
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "entry_points", lambda group: [p for p in points if p.group == group])

    def install(name, value, source=None):
        if source is not None:
            (tmp_path / f"{value.partition(':')[0]}.py").write_text(source)
        points.append(EntryPoint(name, value, "testing.things"))
        return Registry("thing", "testing.things")

    yield install
    for point in points:
        sys.modules.pop(point.module, None)


@pytest.fixture
def things():
    return Registry("thing", "testing.nothing_is_installed_here")


def test_what_is_registered_is_found(things):
    thing = object()
    assert things.register("a", thing) is thing
    assert things.get("a") is thing
    assert "a" in things


def test_a_duplicate_is_refused_and_changes_nothing(things):
    things.register("a", 1)
    with pytest.raises(ScansearchError, match=r"thing 'a' is registered already; pass override=True .*there is: a"):
        things.register("a", 2)
    assert things.get("a") == 1


def test_override_replaces(things):
    things.register("a", 1)
    things.register("a", 2, override=True)
    assert things.get("a") == 2


def test_a_built_in_cannot_be_taken_by_accident_and_comes_back_after_an_override():
    built_in = SEARCH_SPACES.get("default8")
    with pytest.raises(ScansearchError, match="'default8' is registered already"):
        SEARCH_SPACES.register("default8", "mine")
    SEARCH_SPACES.register("default8", "mine", override=True)
    try:
        assert SEARCH_SPACES.get("default8") == "mine"
    finally:
        SEARCH_SPACES.unregister("default8")
    assert SEARCH_SPACES.get("default8") is built_in


def test_an_unknown_name_lists_those_there_are_and_suggests_the_nearest(things):
    for name in ("w10", "w2", "snake"):
        things.register(name, name)
    with pytest.raises(
        ScansearchError, match=r"^unknown thing 'snale' \(did you mean 'snake'\?\); there is: snake, w2, w10$"
    ):
        things.get("snale")


def test_an_empty_registry_says_so(things):
    with pytest.raises(ScansearchError, match=r"^unknown thing 'a\\nb'; there is: none$"):
        things.get("a\nb")


def test_names_are_in_natural_order(things):
    for name in ("w10", "w2", "h", "7"):
        things.register(name, name)
    assert list(things) == things.names() == ["7", "h", "w2", "w10"]
    assert sorted(["w10", "w2", "\u00b2"], key=natural_key)[:2] == ["w2", "w10"]


def test_an_entry_point_is_imported_on_first_use_and_once(packages):
    things = packages("lazy", "lazy_module:THING", "THING = object()")
    assert things.names() == ["lazy"]
    assert "lazy" in things
    assert "lazy_module" not in sys.modules
    assert things.get("lazy") is things.get("lazy") is sys.modules["lazy_module"].THING


def test_listing_the_built_in_names_imports_none_of_them():
    code = (
        "import sys; from scansearch import registry as r; "
        "r.STRATEGIES.names(); r.SCAN_ORDERS.names(); r.MODELS.names(); r.FIGURES.names(); "
        "print(sorted(m for m in sys.modules if m.startswith(('scansearch.', 'torch'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['scansearch.errors', 'scansearch.registry', 'scansearch.text']"


@pytest.mark.parametrize(
    ("value", "source", "reason"),
    [
        ("no_such_module_here:X", None, "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("no_attribute:X", "Y = 1", "AttributeError: module 'no_attribute' has no attribute 'X'"),
        ("bad_syntax:X", "X = = 1", "SyntaxError: invalid syntax"),
        ("raises:X", "raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("divides:X", "X = 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_broken_entry_point_gives_one_line_with_its_reason(packages, value, source, reason):
    things = packages("broken", value, source)
    with pytest.raises(ScansearchError) as caught:
        things.get("broken")
    message = str(caught.value)
    assert message.startswith(f"thing 'broken' ({value}) cannot be imported: {reason}")
    assert "\n" not in message
    assert caught.value.__cause__ is not None


def test_a_broken_entry_point_does_not_hide_the_others(packages):
    packages("broken", "no_such_module_here:X")
    things = packages("fine", "fine_module:THING", "THING = 3")
    assert things.names() == ["broken", "fine"]
    assert things.get("fine") == 3


def test_a_name_that_two_packages_claim_is_refused(packages):
    packages("a", "one_module:X", "X = 1")
    things = packages("a", "two_module:X", "X = 2")
    with pytest.raises(
        ScansearchError, match=r"claimed by several packages \(one_module:X of \?, two_module:X of \?\)"
    ):
        things.get("a")


def test_one_entry_point_listed_twice_is_one(packages):
    packages("a", "same_module:X", "X = 1")
    assert packages("a", "same_module:X").get("a") == 1


def test_changes_count_what_was_added_and_taken_back():
    before = SCAN_ORDERS.changes
    SCAN_ORDERS.register("for_a_moment", object())
    during = SCAN_ORDERS.changes
    SCAN_ORDERS.unregister("for_a_moment")
    assert before < during < SCAN_ORDERS.changes


@pytest.mark.parametrize("name", ["../x", "/abs", ".hidden", "[hv]", "a\x1b[31mb", "nul", "", "a" * 101])
def test_a_name_that_could_not_be_that_of_a_file_is_refused(packages, things, name):
    with pytest.raises(ScansearchError, match="a thing is registered under a name that may become a file"):
        things.register(name, object())
    assert name not in things
    installed = packages(name, "fine_module:THING", "THING = 3")
    with pytest.raises(ScansearchError, match="rename it in the package of fine_module:THING") as caught:
        installed.get(name)
    assert str(caught.value).isprintable()


def test_a_name_of_ten_megabytes_is_compared_with_nothing_and_shown_cut(things):
    things.register("a", 1)
    with pytest.raises(ScansearchError) as caught:
        things.get("a" * 10_000_000)
    assert len(str(caught.value)) < 500
