"""What `zoo.sklearn` is without scikit-learn, and how little it imports."""

import zoo


def test_it_is_an_attribute_of_zoo():
    assert zoo.sklearn.Autoencoder.__name__ == "Autoencoder"
    assert dir(zoo.sklearn) == sorted(zoo.sklearn.__all__)


def test_it_is_imported_when_it_is_used(python):
    source = "import sys, zoo.sklearn; zoo.sklearn; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    assert python(source).split() == ["False", "False"]


def test_without_scikit_learn_it_says_what_to_install(python):
    source = """
        import sys, zoo
        sys.modules["sklearn"] = None
        from zoo import *
        try:
            sklearn.Autoencoder
        except ImportError as error:
            print(type(error).__name__, error)
    """
    told = "MissingExtra zoo.sklearn needs scikit-learn 1.6 or later. Install it with: pip install"
    assert python(source).startswith(f"{told} 'generative-zoo[sklearn]'")
