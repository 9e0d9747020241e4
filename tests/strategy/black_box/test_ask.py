"""What a search asks, and what it hears."""

from itertools import cycle

from scansearch.strategy.black_box import Ask

A, B, C = ((0,),), ((1,),), ((2,),)


def test_what_is_known_is_not_judged_again_but_asked_for():
    judged, known = [], {A: 0.9}
    ask = Ask(lambda choice: judged.append(choice) or 0.5, known, 3)
    assert [ask(A), ask(B), ask(B)] == [0.9, 0.5, 0.5]
    assert judged == [B]
    assert known == ask.accuracies == {A: 0.9, B: 0.5}


def test_only_new_ones_are_judged_until_none_are_left():
    ask, drawn = Ask({A: 0.1, B: 0.2}.__getitem__, {}, 2), cycle([A, A, B])
    assert ask.new(lambda: next(drawn), 3) == [A, B]


def test_when_all_are_known_none_is_drawn():
    ask = Ask({A: 0.1}.__getitem__, {}, 1)
    assert ask.new(iter([A]).__next__, 25) == [A]


def test_what_another_search_knew_is_new_to_this_one():
    ask = Ask({}.__getitem__, {A: 0.3, B: 0.4}, 3)
    assert ask.new(iter([B, A]).__next__, 1) == [B]
    assert list(ask.accuracies) == [B]


def test_of_equals_the_first_is_the_best():
    ask = Ask({A: 0.1, B: 0.2, C: 0.2}.__getitem__, {}, 3)
    for choice in (C, A, B):
        ask(choice)
    assert ask.best(2) == [C, B]
