from streamlit.testing.v1 import AppTest

from app.components.methods_table import HEADINGS, methods_html

LINE = {
    **{"name": "mad", "paper": "A <title>, 2026", "url": "https://example.org/a", "looks_at": "spread", "cost": "5 µs"},
    **{"keeps": "3 numbers", "spike": "takes no notice", "plateau": "hardly moves", "scale": "stays"},
}


def test_every_method_is_a_line_that_links_to_its_paper():
    html = methods_html([LINE, LINE | {"name": "mine", "paper": "", "url": ""}])
    assert html.count("<tr>") == 3
    assert '<span title="mad">MAD</span>' in html
    assert '<a href="https://example.org/a" target="_blank" rel="noopener">A &lt;title&gt;, 2026</a>' in html
    assert html.count("<a ") == 1
    assert all(title in html and about for title, about in HEADINGS)


def page() -> None:
    from app import access
    from app.components.methods_table import methods_table

    methods_table(*access.methods_table())


def test_the_table_says_how_it_was_found():
    test = AppTest.from_function(page, default_timeout=300).run()
    assert not test.exception
    assert "Found by running every method" in test.caption[0].value
    assert "torch" in test.caption[0].value
