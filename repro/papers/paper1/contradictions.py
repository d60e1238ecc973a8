"""Where paper 1 contradicts itself, its data or the world. Numbers are referred to where they are declared."""

from repro.papers.spec import Contradiction

CONTRADICTIONS = (
    Contradiction(
        id="paper1_epochs",
        place="Sec. IV-B against the text of Figure 2",
        text="Training is said to last fewer epochs than the loss is said to need to converge.",
        inputs={"epochs": "paper1_table1/recipe/epochs", "converged after": "paper1_converges/epoch"},
    ),
    Contradiction(
        id="paper1_captions",
        place="Sec. IV-C",
        text='Both tables are captioned "Table 1 Experiment result"; the second is cited as Table 2.',
    ),
    Contradiction(
        id="paper1_identical_rows",
        place="both tables",
        text="PSPNet in the first table and ours at learning rate 0.003 in the second have the same two numbers.",
        inputs={
            "PSPNet mIoU": "paper1_table1/PSPNet/mIoU",
            "0.003 mIoU": "paper1_table2/0.003/mIoU",
            "PSPNet PA": "paper1_table1/PSPNet/PA",
            "0.003 PA": "paper1_table2/0.003/PA",
        },
    ),
    Contradiction(
        id="paper1_edge_of_grid",
        place="Sec. IV-C, text of the second table",
        text="The learning rate called best is the smallest tried: an optimum on the edge is not shown to be one.",
        inputs={
            "best": "paper1_table2/0.0005/mIoU",
            "next": "paper1_table2/0.001/mIoU",
            "learning rate": "paper1_table1/recipe/learning_rate",
        },
    ),
    Contradiction(
        id="paper1_order_of_baselines",
        place="the first table",
        text="FCN below SegNet and DeepLabv3+ below PSPNet is the reverse of what independent runs find. Those differ "
        "in code, backbone and schedule, and disagree among themselves about SegNet.",
        inputs={
            "FCN": "paper1_table1/FCN/mIoU",
            "SegNet": "paper1_table1/SegNet/mIoU",
            "DeepLabv3+": "paper1_table1/DeepLabv3+/mIoU",
            "PSPNet": "paper1_table1/PSPNet/mIoU",
        },
        source="the references of this page",
    ),
    Contradiction(
        id="paper1_memory",
        place="Sec. IV-B",
        text="The batch at that resolution does not fit the one card named. mmsegmentation's U-Net takes 17.9 GB for "
        "four such images in float32, so about 70 GB for sixteen; a plain U-Net of widths 64 to 1024 keeps 24 GB of "
        "tensors for its backward pass even in bfloat16, besides weights, gradients and the optimiser's moments.",
        inputs={
            "batch": "paper1_table1/recipe/batch",
            "crop": "paper1_table1/recipe/crop",
            "card": "NVIDIA RTX 3090 (24 GB)",
        },
        source="mmsegmentation's model zoo; saved tensors of this suite's plain U-Net, counted on a CPU",
    ),
    Contradiction(
        id="paper1_resolution",
        place="Sec. IV-A and IV-B",
        text="Whether images of 1024x2048 are cropped or resized to the input resolution is not said, nor at which "
        "resolution scores are taken. Inference efficiency is named a main indicator, and no figure is given for it.",
        inputs={"input resolution": "paper1_table1/recipe/crop"},
    ),
    Contradiction(
        id="paper1_untested_modules",
        place="Sec. I, IV-C and V",
        text="Multi-scale feature fusion and the global feature fusion module have no equation and no ablation, and "
        "the traditional U-Net that is said to be surpassed has no row: no claim about a module is tested.",
    ),
    Contradiction(
        id="paper1_validation_set",
        place="Sec. IV-A to IV-C",
        text="One run without a spread; the validation set stops it, chooses the learning rate and gives the headline.",
    ),
    Contradiction(
        id="paper1_not_stated",
        place="Sec. III and IV-B",
        text="Backbone, pretraining, widths, alpha, reduction, kernel, dropout rate and weight decay are not stated; "
        "L2 is ambiguous with AdamW; colour perturbation in one section is brightness perturbation in the next.",
    ),
    Contradiction(
        id="paper1_references",
        place="References 15 to 17",
        text="The works cited for the encoder-decoder, DeepLabv3+ and PSPNet are not those systems' papers; the last "
        "is about radar jamming.",
    ),
    Contradiction(
        id="paper1_one_data_set",
        place="Sec. III",
        text='"Excellent segmentation performance on multiple public data sets": one data set is used.',
    ),
    Contradiction(
        id="paper1_cities",
        place="Sec. IV-A",
        text="The finely labelled images that are counted come from 27 cities (18, 3 and 6 of the splits); 50 is "
        "the whole data set with its coarse labels. All were taken in daytime and good or medium weather, by its "
        "own page.",
        inputs={
            "cities": "50",
            "images": "5,000",
            "training": "2,975",
            "validation": "500",
            "test": "1,525",
            "categories": "19",
        },
        source="Cordts et al. 2016, arXiv 1604.01685; cityscapes-dataset.com/dataset-overview; its folders",
    ),
)
