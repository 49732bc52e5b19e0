"""The callbacks' common face, whether their libraries are installed or not."""

import inspect
import warnings

import pytest

import retemper
from retemper.api.callbacks.absent import absent
from retemper.api.callbacks.doctor_callback import DoctorCallback
from retemper.core.errors import InputError

NAMES = ("LightningDoctor", "TransformersDoctor", "KerasDoctor")


def callback(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(retemper, name)


@pytest.mark.parametrize("name", NAMES)
def test_all_are_made_with_the_same_arguments(name):
    assert inspect.signature(callback(name)) == inspect.signature(DoctorCallback)


@pytest.mark.parametrize("name", NAMES)
def test_all_can_be_told_apart_from_none_that_watched(name):
    own = callback(name)
    try:
        made = own(quiet=True)
    except InputError as error:
        assert error.code in ("missing_extra", "bad_option")  # not installed, or Keras on another back end
        return
    with pytest.raises(InputError, match="No training was watched"):
        made.findings()


def test_where_the_library_is_missing_the_command_that_installs_it_is_told():
    class Some(DoctorCallback, absent("Some", "Library", "pip install library")):
        pass

    with pytest.raises(InputError, match="Some needs Library") as caught:
        Some(quiet=True)
    assert "pip install library" in caught.value.hint
