// Names that Python puts before a script, for the checker.
declare const uPlot: any;
declare const STYLES: string;
