"""BUS 2017, dataset B: 163 breast ultrasound images of the UDIAT Diagnostic Centre, one lesion in each."""

from dmf.data.busc import BrightMasks


class Bus2017(BrightMasks):
    """Reads ``original/000001.png`` and ``GT/000001.png``, and so on; ``root`` is any folder above both.

    Lesion is what a mask shows brighter than 127. Which lesions are benign stands in a document beside the folders,
    which is not read; the label comes from a folder or a file name that says benign or malignant, where there is one.

    Reference:
        Yap et al., Automated Breast Ultrasound Lesions Detection Using Convolutional Neural Networks, IEEE Journal of
        Biomedical and Health Informatics 22(4), 2018, https://doi.org/10.1109/JBHI.2017.2731873
    """

    name = "bus2017"
    title = "Breast ultrasound of UDIAT, dataset B (BUS 2017)"
    how_to_get = (
        "Ask its authors for it on https://helward.mmu.ac.uk/STAFF/M.Yap/dataset.php and unpack it into "
        "data/raw/bus2017, so that BUS/original and BUS/GT lie there; or set the root to where it lies."
    )
    licence = "By an agreement with its authors; read it on their page."
    citation = (
        "M. H. Yap, G. Pons, J. Martí et al. Automated Breast Ultrasound Lesions Detection Using Convolutional Neural "
        "Networks. IEEE Journal of Biomedical and Health Informatics 22(4) (2018) 1218-1226, "
        "https://doi.org/10.1109/JBHI.2017.2731873"
    )
